#include "clerk/signing.h"

#include "dns/name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_BYTES_MAX = 16 * 1024 };

/* --- names --- */

struct text
signing_record_name(struct arena *arena, const struct dkim_signer *signer)
{
	return arena_join(arena, signer->selector,
	    arena_join(arena, TEXT("._domainkey."), signer->domain));
}

static bool
read_name(struct arena *arena, struct text typed, struct text *ret_name)
{
	return dns_name_read_typed(arena, typed, ret_name) &&
	       dns_name_is_ldh(*ret_name);
}

/* Not aligned by any method (RFC 9989 4.4) is what is neither above nor below.
 * Names beside it may be; without DNS nobody knows. */
static bool
read_domain(struct arena *arena, const struct config *config, struct text host,
    struct text *ret_domain, struct problem *problem)
{
	struct text typed = config->report_signing_domain;

	*ret_domain = host;
	if (typed.len == 0)
		return true;
	if (!read_name(arena, typed, ret_domain))
		return problem_set(problem, PROBLEM_CONFIG,
		    "ReportSigningDomain " TEXT_FMT " is no domain name",
		    TEXT_ARG(typed));
	if (dns_name_is_at_or_below(*ret_domain, host) ||
	    dns_name_is_at_or_below(host, *ret_domain))
		return true;
	return problem_set(problem, PROBLEM_CONFIG,
	    "ReportSigningDomain " TEXT_FMT " is neither " TEXT_FMT
	    ", ReportEmail's domain, nor above or below it: its signature would"
	    " not be aligned; leave the option out, or change ReportEmail",
	    TEXT_ARG(typed), TEXT_ARG(host));
}

static bool
read_selector(struct arena *arena, const struct config *config,
    struct dkim_signer *signer, struct problem *problem)
{
	struct text typed = config->report_signing_selector;

	if (typed.len == 0)
		return problem_set(problem, PROBLEM_CONFIG,
		    "ReportSigningKey without ReportSigningSelector; set it to"
		    " the name before ._domainkey." TEXT_FMT
		    " under which the key is published",
		    TEXT_ARG(signer->domain));
	if (read_name(arena, typed, &signer->selector) &&
	    dns_name_is_valid(signing_record_name(arena, signer)))
		return true;
	return problem_set(problem, PROBLEM_CONFIG,
	    "ReportSigningSelector " TEXT_FMT " is no name, or too long",
	    TEXT_ARG(typed));
}

/* --- the key --- */

/* Who reads it may not be who started us. */
static bool
say_unreadable(const struct config *config, const char *path, int error,
    struct problem *problem)
{
	if (error != EACCES || config->user_id.len == 0)
		return problem_set(problem, problem_kind_of(error),
		    "ReportSigningKey %s: %s", path, strerror(error));
	return problem_set(problem, PROBLEM_PERMISSION,
	    "ReportSigningKey %s: %s; it is read as UserID: chown " TEXT_FMT
	    " %s, and let UserID search its folder",
	    path, strerror(error), TEXT_ARG(config->user_id), path);
}

static bool
check_file(int fd, const char *path, struct problem *problem)
{
	struct stat status;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return problem_set(problem, PROBLEM_CONFIG,
		    "ReportSigningKey %s: not a file", path);
	if ((status.st_mode & (S_IROTH | S_IWOTH)) != 0)
		return problem_set(problem, PROBLEM_CONFIG,
		    "ReportSigningKey %s: everybody on this host may %s it, and"
		    " so send mail in our name; chmod o-rw %s, and make a new"
		    " key if strangers were here",
		    path, (status.st_mode & S_IROTH) != 0 ? "read" : "write",
		    path);
	return true;
}

/* False: errno; EFBIG also when it fills BYTES. */
static bool
read_bytes(int fd, char bytes[KEY_BYTES_MAX], size_t *ret_len)
{
	for (size_t len = 0; len < KEY_BYTES_MAX;) {
		ssize_t more = read(fd, bytes + len, KEY_BYTES_MAX - len);
		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return false;
		if (more == 0) {
			*ret_len = len;
			return true;
		}
		len += (size_t)more;
	}
	errno = EFBIG;
	return false;
}

static bool
read_key(struct arena *arena, struct text pem, const char *path,
    struct dkim_signer *signer, struct problem *problem)
{
	struct crypto_secret *secret = NULL;
	const char *why = NULL;

	switch (crypto_secret_read(arena, pem, &secret, &why)) {
	case CRYPTO_GOOD: signer->secret = secret; return true;
	case CRYPTO_UNABLE: return problem_no_memory(problem);
	case CRYPTO_BROKEN: break;
	}
	return problem_set(problem, PROBLEM_CONFIG,
	    "ReportSigningKey %s: %s; it must be PEM of RSA or Ed25519 without"
	    " a password, as openssl genpkey makes it",
	    path, why);
}

static bool
read_open_key(struct arena *arena, int fd, const char *path,
    struct dkim_signer *signer, struct problem *problem)
{
	char bytes[KEY_BYTES_MAX];
	size_t len = 0;

	if (!check_file(fd, path, problem))
		return false;
	bool done = read_bytes(fd, bytes, &len)
			? read_key(arena, (struct text){bytes, len}, path,
			      signer, problem)
			: problem_set(problem, PROBLEM_CONFIG,
			      "ReportSigningKey %s: %s", path, strerror(errno));
	crypto_forget(bytes, sizeof bytes);
	return done;
}

static bool
read_key_file(struct arena *arena, const struct config *config,
    struct dkim_signer *signer, struct problem *problem)
{
	const char *path = arena_cstr(arena, config->report_signing_key);

	if (arena_failed(arena))
		return problem_no_memory(problem);
	/* Not to wait for who writes to a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return say_unreadable(config, path, errno, problem);
	bool done = read_open_key(arena, fd, path, signer, problem);
	(void)close(fd);
	return done;
}

bool
signing_read(struct arena *arena, const struct config *config, struct text host,
    struct dkim_signer *ret_signer, struct problem *ret_problem)
{
	struct dkim_signer signer = {.secret = NULL};
	size_t named = config->report_signing_domain.len +
		       config->report_signing_selector.len;

	if (config->report_signing_key.len == 0 && named > 0)
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "ReportSigningDomain and ReportSigningSelector do nothing"
		    " without ReportSigningKey; set it, or leave them out");
	if (config->report_signing_key.len > 0 &&
	    !(read_domain(arena, config, host, &signer.domain, ret_problem) &&
		read_selector(arena, config, &signer, ret_problem) &&
		read_key_file(arena, config, &signer, ret_problem)))
		return false;
	*ret_signer = signer;
	return true;
}
