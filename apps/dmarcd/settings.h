/* Settings: a configuration that the daemon can run with. */
#ifndef DMARCD_SETTINGS_H
#define DMARCD_SETTINGS_H

#include "config/setup.h"

enum { SOCKETS_MAX = 16 }; /* in Socket; settings_load refuses more */

struct settings {
	struct config *config; /* NULL: none */
	struct setup setup;
};

/* PATH NULL: the built-in defaults. OVERRIDES: further lines. False:
 * *ret_problem, nothing to clear. */
bool settings_load(const char *path, const char *overrides,
    struct settings *ret_settings, struct problem *ret_problem) MUST_USE;
/* As OLD, but what its configuration names is read again (config_load_again). */
bool settings_load_again(const struct settings *old,
    struct settings *ret_settings, struct problem *ret_problem) MUST_USE;
void settings_clear(struct settings *settings);
/* The name of an option that takes root, or a new start, to change; NULL if
 * they all are the same. */
const char *settings_changed_for_good(const struct settings *old_settings,
    const struct settings *new_settings) MUST_USE;
/* Logs what whoever chose them must know: what an option leans on or turns off,
 * and which ones do nothing here. */
void settings_say(const struct settings *settings);

#endif
