/* Location: where a database server is and who we are there, as the option
 * Database has it: //user@host:port/name?socket=…&password-file=…&tls=…&ca=…
 * Names may be written with %XX. No password is ever part of it: it comes from
 * a file, or from the environment (DMARC_DATABASE_PASSWORD). */
#ifndef STORE_LOCATION_H
#define STORE_LOCATION_H

#include "base/problem.h"
#include "base/text.h"

enum { LOCATION_PASSWORD_MAX = 256 };

struct location {
	char user[128];
	char host[256]; /* "localhost" stands for the socket */
	char name[128];
	unsigned port; /* 0: the engine's */
	char socket[256];
	char password_file[512];
	char ca[512];   /* certificates to believe; "": the system's */
	bool is_remote; /* by its name */
	bool tls;       /* verified; without the option: if it is remote */
	bool arrays;    /* bulk=no: no arrays of rows */
};

bool location_read(const char *where, struct location *ret_location,
    struct problem *ret_problem) MUST_USE;
/* "" when there is none. */
bool location_password(const struct location *location,
    char ret_password[LOCATION_PASSWORD_MAX],
    struct problem *ret_problem) MUST_USE;

#endif
