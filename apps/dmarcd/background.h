/* Background: leaving the terminal as services did before there were service
 * managers: the command returns once the daemon works, with 0, or says why it
 * does not. */
#ifndef DMARCD_BACKGROUND_H
#define DMARCD_BACKGROUND_H

/* Returns in a new process, with what background_leave takes; the process that
 * was waits until then, or for the new one's end, and exits. */
int background_enter(void);
/* STARTED: as background_enter gave it; -1 is nothing. Standard error is gone
 * afterwards. */
void background_leave(int started);
/* Input, output and error go nowhere. */
void background_close_terminal(void);

#endif
