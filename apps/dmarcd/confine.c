#include "confine.h"

#include "log.h"

#include "clerk/relay.h"
#include "crypto/crypto.h"
#include "resolve/resolver.h"
#include "store/store.h"

#include <time.h>

enum { DNS_PORT = 53 };

/* What libraries open: syslog the time zone, libuv a spare descriptor. */
static const char *const of_both[] = {
    "/etc/localtime", "/usr/share/zoneinfo",
#ifdef __SANITIZE_ADDRESS__
    "/proc", /* to say what it found */
#endif
};

/* Relay and database server are looked up by the system (/etc, what its links
 * lead to, modules that are loaded), and prove who they are (certificates). */
static const char *const of_clerk[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/connman",
    "/var/lib/sss",
    "/dev/urandom",
};

static void
may_read_all(struct sandbox *sandbox, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)sandbox_may(sandbox, SANDBOX_READ, paths[i]);
}

static void
begin(const struct config *config, struct sandbox *ret_sandbox)
{
	const char *servers =
	    config->nameservers.len == 0
		? NULL
		: arena_cstr(config->arena, config->nameservers);

	sandbox_begin(ret_sandbox);
	may_read_all(ret_sandbox, of_both, sizeof of_both / sizeof *of_both);
	(void)sandbox_may(ret_sandbox, SANDBOX_CHANGE, "/dev/null");
	if (config->zone_file.len == 0)
		resolver_needs(servers, ret_sandbox);
}

static void
may_use_history(
    const struct config *config, struct sandbox *sandbox, enum sandbox_use use)
{
	if (config->history_file.len > 0)
		(void)sandbox_may_beside(sandbox, use,
		    arena_cstr(config->arena, config->history_file));
}

/* The time zone and OpenSSL's configuration are read when first needed. */
static void
wake_libraries(void)
{
	struct sha256 ignored;

	tzset();
	bool is_awake = crypto_sha256(TEXT(""), &ignored);
	(void)is_awake; /* if not, it says so when it matters */
}

static void
enter(struct sandbox *sandbox, enum sandbox_calls calls)
{
	struct problem lack = {PROBLEM_NONE, ""};

	wake_libraries();
	if (!sandbox_enter(sandbox, calls, &lack))
		log_say(
		    "Sandbox: this system has %s; going on without", lack.text);
}

void
confine_filter(const struct config *config)
{
	struct text spools = config->query_spool;
	struct sandbox sandbox;

	if (!config->sandbox)
		return;
	begin(config, &sandbox);
	may_use_history(config, &sandbox, SANDBOX_APPEND);
	while (config->query_socket.len > 0 && spools.len > 0)
		(void)sandbox_may(&sandbox, SANDBOX_READ,
		    arena_cstr(
			config->arena, text_trim(text_split(&spools, ','))));
	enter(&sandbox, SANDBOX_FILTER);
}

bool
confine_clerk(const struct config *config, struct problem *ret_problem)
{
	struct sandbox sandbox;

	if (!config->sandbox)
		return true;
	begin(config, &sandbox);
	if (config->report_email.len > 0 && !relay_needs(config, &sandbox)) {
		sandbox_give_up(&sandbox);
		log_say("Sandbox: none for the clerk, since ReportTransport "
			"starts a program");
		return true;
	}
	if (!store_needs(arena_cstr(config->arena, config->database), &sandbox,
		ret_problem)) {
		sandbox_give_up(&sandbox);
		return false;
	}
	sandbox_may_connect(&sandbox, DNS_PORT);
	may_read_all(&sandbox, of_clerk, sizeof of_clerk / sizeof *of_clerk);
	may_use_history(config, &sandbox, SANDBOX_CHANGE);
	if (config->report_signing_key.len > 0)
		(void)sandbox_may_beside(&sandbox, SANDBOX_READ,
		    arena_cstr(config->arena, config->report_signing_key));
	enter(&sandbox, SANDBOX_CLERK);
	return true;
}
