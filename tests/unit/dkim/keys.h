/* The keys of the messages in ../shared/vectors/dkim, as they were published,
 * one a record; most of them are gone from the DNS. */
#ifndef TESTS_DKIM_KEYS_H
#define TESTS_DKIM_KEYS_H

static const struct published {
	const char *name;
	const char *record;
} published[] = {
    /* RFC 6376 A.2, C */
    {"brisbane._domainkey.example.com",
	"v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9Z"
	"JW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+"
	"v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIM"
	"mPSPDdQPNUYckcQ2QIDAQAB"},
    {"s.flags._domainkey.example.com",
	"v=DKIM1; t=s; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEm"
	"GqZ9ZJW3/DkMoGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItL"
	"a7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBc"
	"WToIMmPSPDdQPNUYckcQ2QIDAQAB"},
    /* RFC 8463 A.2 */
    {"brisbane._domainkey.football.example.com",
	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},
    {"test._domainkey.football.example.com",
	"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
	"iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutA"
	"CDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2Ee"
	"C3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"},
    /* github.com/lieser/dkim_verifier, test */
    {"yg4mwqurec7fkhzutopddd3ytuaqrvuz._domainkey.amazon.com",
	"p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC5bK96ORNNFosbAaVNZU/gVzhANH"
	"yd00o1O7qbEeMNLKPNpS8/TYwdlrVnQ7JtJHjIR9EPj61jgtS604XpAltDMYvic2I40A"
	"aKgSfr4dDlRcALRtlVqmG7U5MdLiMyabxXPl2s/oqkevALySg0sr/defHC+qAhmdot9I"
	"i/ZQ3YcQIDAQAB"},
    {"v2._domainkey.newsletters.cnn.com",
	"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqd2EIt"
	"ai1ml2NEcqHw2LVvPcAk47vsawT1VefsguODwAiEMVwZxICrfqRlaZ7HC//r42raw9ZO"
	"Ck48ymgvsR9vLVXEHcBL0cHiOi1AS57GUNcMzBd3SqxSJTQbt5RWfqas4p2mf2PAcvI/"
	"pmCCGJg+8zPimNnFZrarZyuUZCdzI7N6pp3TJVXpfDyNEKa1S/wl8W1tufjkwr8As8LQ"
	"goxw7/zQyMOm1fyFyxmPh+wd1dMHOBG7a1vV/UvH8QA8ou7BINPUcmGctdCglGtXme4F"
	"ONjp4jJYCfGGoxicydIKXlgUyaLIT52mhnGYmfaXQyq7ZscvXD3ygIKmTY6a+mvwIDAQ"
	"AB"},
    {"v2._domainkey.emailalerts.cnn.com",
	"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2c1CEP"
	"SZ2BZXPmjt//RXAU/DVIV6gouJ399kcM4oOhwLj1z1fsETHU1uXTTbdyAKBqkI0LXC1P"
	"o2f1PtPxomkUwZ39SxDpvHgmzXp0+6O/XHeu9nZtx3YXsIEN65ELqAqN4aKDrM5Dhgs/"
	"5ZJibU6YtUfqm2CbRaVQ/9Mj07gEOYXYqSkwtQcqGf1Mxq2Q3y90L7MghdavHCpz/vtv"
	"cQCBu9oZhc6thHr4+maPJghNCLDJkQRQpjMqX7oZii9oXtAAbwuSjuIauEWQqVEmSxFe"
	"kXgbVMOSgBnLwlzBL5/RH/CwaZf2//GqDlMK7EgSNRY+5nyUJjbjpfu5Iy1T12rwIDAQ"
	"AB"},
    {"fm3._domainkey.fastmail.com",
	"v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr2KQLQ"
	"U8JamLSgEKT5oooh+WmyLrLJZzR4IaNqrIiBin3rCHH3wJfWck95fJQ+MXoWnMOSTon2"
	"4DxD4Pfkit5ugZvcrO8BH06F9HNcGhqEBhNtarD0rsyOfc+6YDZEGXA0WiiW6z2oIEz6"
	"aGtVotp8mRY77GY2uM8Ke5wz27ZDb3BMjNkTOxrNquIrvOfXdLCY81mPtRpEKQA3GLL1"
	"Qa4uFLvXgT3VEZApthFW2rBywSCJnKCn6fPveK3iraeTqFh0Ye3BLEGPGzfNPg5QadOP"
	"t8RrCVQ0/kF47sMg1lHkT2MrGPTCOTxcfPJKkKzHo7/XF3bqAWk6wxqK5Jq0NmIQIDAQ"
	"AB"},
    /* github.com/apache/james-jdkim, corpus */
    {"gamma._domainkey.gmail.com",
	"k=rsa; t=y; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDIhyR3oItOy22ZOa"
	"BrIVe9m/iME3RqOJeasANSpg2YTHTYV+Xtp4xwf5gTjCmHQEMOs0qYu0FYiNQPQogJ2t"
	"0Mfx9zNu06rfRBDjiIU9tpx2T+NGlWZ8qhbiLo5By8apJavLyqTLavyPSrvsx0B3YzC6"
	"3T4Age2CDqZYA+OwSMWQIDAQAB"},
    {"s1024._domainkey.yahoo.com",
	"k=rsa; t=y; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDrEee0Ri4Juz+Qfi"
	"WYui/E9UGSXau/2P8LjnTD8V4Unn+2FAZVGE3kL23bzeoULYv4PeleB3gfmJiDJOKU3N"
	"s5L4KJAUUHjFwDebt0NP+sBK0VKeTATL2Yr/S3bT/xhy+1xtj4RkdV7fVxTn56Lb4udU"
	"nwuxK4V5b5PdOKj/+XcwIDAQAB; n=A 1024 bit key;"},
    {"pmta._domainkey.myspace.com",
	"k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQChRebhcm4h8BkIYHRxg1G"
	"lKLsDkwdrqkFJ8f88xHQ5Gf3NH4I4e06M3XQ+B4tWWK/rX0srwXFgrJPzKZK+x7gN89n"
	"mqyM+NNaM+Wm2C0GjTpx6639zK3bAAGYCm0L9lGD7PgDxpWok+YogH0Ml4acEwDw/cnh"
	"ErAWAnX8doPliawIDAQAB"},
    {"mail._domainkey.sqli.com",
	"k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC1CTqmkuRWkxlHcv1peAz"
	"3c0RuXHthVO1xx1Hy4HryZUJwSJo/R3cnEwKorQvlRuDSMgXSLLxI8u6n7h6mzRmHdsS"
	"/A+pKc7nx/6WS4N6U57PSNqOclxfwa27m/EIL6KTk9KDhaKsXxquQUBkP1CQEUZHPhQ/"
	"t7s4dmU/kvGFgNQIDAQAB"},
    {"2007-00._domainkey.kitterman.com",
	"v=DKIM1; g=*; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCp9+s7h"
	"HTlMje842UBfd8nBYvX0I1CJzltQJ9bLGAKHbyCBTKei/dYuuDICKArbcVZ+05UbJzxU"
	"6cstPOaEoPM+FMD/lUiGpJYLYUuzRP7Pd82YHKoAZbYflGYTck2e7x8vB7l8WeEgRJ0c"
	"JdHm871HbQmv67LZiN+9donmjl93wIDAQAB;"},
    /* github.com/dkimpy/dkimpy, dkim/tests */
    {"20120113._domainkey.gmail.com",
	"k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA1Kd87/UeJjenpab"
	"gbFwh+eBCsSTrqmwIYYvywlbhbqoo2DymndFkbjOVIPIldNs/m40KF+yzMn1skyoxcTU"
	"GCQs8g3FgD2Ap3ZB5DekAo5wMmk4wimDO+U8QzI3SD07y2+07wlNWwIt8svnxgdxGkVb"
	"bhzY8i+RQ9DpSVpPbF7ykQxtKXkv/ahW3KjViiAH+ghvvIhkx4xYSIc9oSwVmAl5OctM"
	"EeWUwg8Istjqz8BZeTWbf41fbNhte7Y+YqZOwq1Sd0DbvYAD9NOZK9vlfuac0598HY+v"
	"tSBczUiKERHv1yRbcaQtZFh5wtiRrN04BLUTD21MycBX5jYchHjPY/wIDAQAB"},
    {"sed._domainkey.test.ex",
	"v=DKIM1; k=ed25519; p=sPs07Vu29FpHT/80UXUcYHFOHifD4o2ZlP2+XUh9g6E="},
};

#endif
