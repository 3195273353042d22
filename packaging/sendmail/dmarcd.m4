dnl Sendmail asks dmarcd; in sendmail.mc, before MAILER lines:
dnl include(`/usr/share/dmarcd/sendmail/dmarcd.m4')dnl
dnl Without dmarcd mail goes through unjudged; with F=T it waits.
INPUT_MAIL_FILTER(`dmarcd', `S=inet:8893@127.0.0.1, F=, T=S:30s;R:60s;E:5m')dnl
