#include "config/config.h"

#include "config/file.h"
#include "config/options.h"

#include "base/date.h"
#include "mail/mailbox.h"
#include "verdict/checks.h"

#include <string.h>
#include <unistd.h>

enum {
	CONFIG_BYTES_MAX = 4 * 1024 * 1024,
	DNS_TIMEOUT_MAX = 60,
	AUTHSERV_IDS_MAX = 4096,
	TO_BYTES_MAX = 64 * 1024, /* of To; nobody is named behind them */
};

/* A file being read, for messages that say where. */
struct place {
	const char *path;
	unsigned line;
};

static bool
fail(struct problem *problem, const struct place *place, const char *what,
    struct text value, const char *advice)
{
	return problem_set(problem, PROBLEM_CONFIG,
	    "%s:%u: %s \"" TEXT_FMT "\"%s", place->path, place->line, what,
	    TEXT_ARG(value), advice);
}

static bool
set_option(struct config *config, const struct place *place, struct text name,
    struct text value, struct problem *problem)
{
	const struct config_option *option = option_find(name);
	struct text why = TEXT("");

	if (option == NULL) {
		option = option_nearest(name);
		struct text advice =
		    option == NULL ? TEXT("; see dmarcd.conf(5) for all")
				   : arena_format(config->arena,
					 "; did you mean %s?", option->name);
		return fail(problem, place, "unknown option", name,
		    arena_cstr(config->arena, advice));
	}
	if (value.len == 0)
		return fail(problem, place, "no value behind option", name, "");
	if (option_set(option, config, value, &why)) {
		config->is_set[option - config_options] = true;
		return true;
	}
	return problem_set(problem, PROBLEM_CONFIG,
	    "%s:%u: %s cannot be \"" TEXT_FMT "\"; it must be " TEXT_FMT,
	    place->path, place->line, option->name, TEXT_ARG(value),
	    TEXT_ARG(why));
}

static bool
set_defaults(struct config *config)
{
	struct text why;

	config->enforce = -1;
	for (size_t i = 0; i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		if (option->default_value != NULL &&
		    !option_set(option, config,
			text_from_cstr(option->default_value), &why))
			return false;
	}
	return true;
}

/* "Name value # comment" */
static bool
read_line(struct config *config, const struct place *place, struct text line,
    struct problem *problem)
{
	line = text_trim(text_slice(line, 0, text_find(line, '#')));
	if (line.len == 0)
		return true;
	size_t blank = 0;
	while (blank < line.len && !is_wsp(line.ptr[blank]))
		blank++;
	return set_option(config, place, text_slice(line, 0, blank),
	    text_trim(text_slice(line, blank, line.len)), problem);
}

bool
config_read(struct config *config, struct text rest, const char *name,
    struct problem *ret_problem)
{
	struct place place = {.path = name};

	while (rest.len > 0) {
		place.line++;
		struct text line = text_split(&rest, '\n');
		if (!read_line(config, &place, line, ret_problem))
			return false;
	}
	return true;
}

bool
config_note_file(
    const struct config *config, const char *path, struct problem *ret_problem)
{
	if (!file_lasts(path))
		return problem_set(
		    ret_problem, PROBLEM_CONFIG, "%s: not a file", path);
	struct config_file *file =
	    vec_push(config->arena, &config->files->list);

	if (file == NULL)
		return problem_no_memory(ret_problem);
	file->path = path;
	file->known = file->seen = file_look(path);
	return true;
}

/* "192.0.2.0/24", "2001:db8::/32", "192.0.2.1", "mx.example.org", ".net" */
static bool
read_host(struct text word, struct config_host *ret_host)
{
	struct config_host host = {.negated = false};

	if (word.len > 0 && word.ptr[0] == '!') {
		host.negated = true;
		word = text_trim(text_slice(word, 1, word.len));
	}
	if (!ip_read_net(word, &host.ip, &host.prefix)) {
		host.name = word;
		if (word.len == 0 || text_has(word, '/'))
			return false;
	}
	*ret_host = host;
	return true;
}

static bool
read_ignored_hosts(struct config *config, struct problem *problem)
{
	const char *path = arena_cstr(config->arena, config->ignore_hosts);
	struct place place = {.path = path};
	struct text rest;

	if (!config_note_file(config, path, problem) ||
	    !file_read(config->arena, path, CONFIG_BYTES_MAX, &rest, problem))
		return false;
	while (rest.len > 0) {
		struct text line = text_split(&rest, '\n');
		struct config_host host;
		place.line++;
		line = text_trim(text_slice(line, 0, text_find(line, '#')));
		if (line.len == 0)
			continue;
		if (!read_host(line, &host))
			return fail(problem, &place, "not a host", line,
			    "; write an address, network, host or .domain");
		struct config_host *slot =
		    vec_push(config->arena, &config->ignored_hosts);
		if (slot == NULL)
			return problem_set(
			    problem, PROBLEM_SYSTEM, "%s: too large", path);
		*slot = host;
	}
	return true;
}

static bool
read_no_reports(struct config *config, struct problem *problem)
{
	const char *path = arena_cstr(config->arena, config->no_reports_list);

	return config->no_reports_list.len == 0 ||
	       (config_note_file(config, path, problem) &&
		   file_read(config->arena, path, CONFIG_BYTES_MAX,
		       &config->no_reports, problem));
}

static bool
ignore_loopback(struct config *config)
{
	static const char *const nets[] = {"127.0.0.0/8", "::1"};

	for (size_t i = 0; i < 2; i++) {
		struct config_host *host =
		    vec_push(config->arena, &config->ignored_hosts);
		if (host == NULL || !read_host(text_from_cstr(nets[i]), host))
			return false;
	}
	return true;
}

/* Fields with one of TrustedAuthservIDs are either believed, or forged. */
static void
list_own_ids(struct config *config)
{
	struct text rest = config->trusted_authserv_ids;

	if (config->authentication_source == AUTHENTICATION_HEADERS)
		rest = TEXT("");
	config->own_ids = config->authserv_id;
	while (rest.len > 0) {
		struct text id = text_trim(text_split(&rest, ','));
		if (id.len > 0)
			config->own_ids =
			    arena_format(config->arena, TEXT_FMT " " TEXT_FMT,
				TEXT_ARG(config->own_ids), TEXT_ARG(id));
	}
}

/* What the file leaves to this host: HOSTNAME, and the organization. */
static bool
resolve_names(struct config *config)
{
	char name[256] = "localhost";

	(void)gethostname(name, sizeof name - 1);
	config->host_name = arena_lower(config->arena, text_from_cstr(name));
	if (text_equal(config->authserv_id, TEXT("HOSTNAME")))
		config->authserv_id = config->host_name;
	list_own_ids(config);
	if (config->report_org.len == 0) {
		struct text email = config->report_email;
		config->report_org = text_slice(
		    email, text_find_last(email, '@') + 1, email.len);
	}
	return !arena_failed(config->arena);
}

static bool
check_together(
    const struct config *config, const char *name, struct problem *problem)
{
	if (config->report_interval % 3600 != 0 ||
	    DAY % config->report_interval != 0)
		return problem_set(problem, PROBLEM_CONFIG,
		    "%s: ReportInterval must be whole hours that divide a day: "
		    "1h, 2h, 3h, 4h, 6h, 8h, 12h or 24h",
		    name);
	if (config->authserv_id.len > AUTHSERV_ID_MAX)
		return problem_set(problem, PROBLEM_CONFIG,
		    "%s: AuthservID: more than %d bytes", name,
		    AUTHSERV_ID_MAX);
	if (config->trusted_authserv_ids.len > AUTHSERV_IDS_MAX)
		return problem_set(problem, PROBLEM_CONFIG,
		    "%s: TrustedAuthservIDs: more than %d bytes", name,
		    AUTHSERV_IDS_MAX);
	for (size_t i = 0; i < config->copy_failures_to.len; i++)
		if (!is_printable(config->copy_failures_to.ptr[i]))
			return problem_set(problem, PROBLEM_CONFIG,
			    "%s: CopyFailuresTo must be one address", name);
	struct text format = config->reject_string;
	size_t first = text_find_part(format, TEXT("%s"));
	format = text_slice(format, first + 2, format.len);
	if (text_find_part(format, TEXT("%s")) < format.len)
		return problem_set(problem, PROBLEM_CONFIG,
		    "%s: RejectString may have %%s, for the domain, once",
		    name);
	return true;
}

/* BaseDirectory stands before the names of files that have no "/" in front. */
static bool
find_files(struct config *config)
{
	struct text base = config->base_directory;

	for (size_t i = 0; base.len > 0 && i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		struct text why;
		struct text path = option_get(option, config, config->arena);
		if (option->type != OPTION_FILE || path.len == 0 ||
		    path.ptr[0] == '/')
			continue;
		path = arena_format(config->arena, TEXT_FMT "/" TEXT_FMT,
		    TEXT_ARG(base), TEXT_ARG(path));
		if (!option_set(option, config, path, &why))
			return false;
	}
	return !arena_failed(config->arena);
}

/* OpenDMARC took any number, and did nothing with it. */
static void
bound_dns_timeout(struct config *config)
{
	if (config->dns_timeout < 1)
		config->dns_timeout = 1;
	if (config->dns_timeout > DNS_TIMEOUT_MAX)
		config->dns_timeout = DNS_TIMEOUT_MAX;
}

/* With nothing but the defaults yet. */
static struct config *
new_config(struct problem *problem)
{
	struct arena *arena = arena_new(64 * 1024 * 1024);
	struct config *config =
	    arena == NULL ? NULL : arena_alloc(arena, sizeof *config);

	if (config != NULL) {
		config->arena = arena;
		config->files = arena_alloc(arena, sizeof *config->files);
		config->is_set = arena_array(
		    arena, config_options_count, sizeof *config->is_set);
		if (config->files != NULL && config->is_set != NULL &&
		    set_defaults(config))
			return config;
	}
	arena_free(arena);
	(void)problem_no_memory(problem);
	return NULL;
}

/* All that its lines ask for. */
static bool
complete(struct config *config, struct problem *problem)
{
	const char *name = config->path == NULL ? "defaults" : config->path;

	bool is_good =
	    config_read(config, config->lines, name, problem) &&
	    config_read(config, config->overrides, "command line", problem) &&
	    check_together(config, name, problem) && find_files(config) &&
	    (config->ignore_hosts.len == 0
		    ? ignore_loopback(config)
		    : read_ignored_hosts(config, problem)) &&
	    read_no_reports(config, problem) && resolve_names(config);

	bound_dns_timeout(config);
	return is_good || problem_no_memory(problem);
}

struct config *
config_load(const char *path, struct problem *ret_problem)
{
	return config_load_over(path, "", ret_problem);
}

struct config *
config_load_over(
    const char *path, const char *overrides, struct problem *ret_problem)
{
	struct config *config = new_config(ret_problem);

	if (config == NULL)
		return NULL;
	config->path = path;
	config->overrides =
	    arena_copy(config->arena, text_from_cstr(overrides));
	if ((path == NULL || file_read(config->arena, path, CONFIG_BYTES_MAX,
				 &config->lines, ret_problem)) &&
	    complete(config, ret_problem))
		return config;
	config_free(config);
	return NULL;
}

struct config *
config_load_again(const struct config *old, struct problem *ret_problem)
{
	struct config *config = new_config(ret_problem);

	if (config == NULL)
		return NULL;
	config->path = old->path;
	config->lines = arena_copy(config->arena, old->lines);
	config->overrides = arena_copy(config->arena, old->overrides);
	if (complete(config, ret_problem))
		return config;
	config_free(config);
	return NULL;
}

struct config *
config_salvage(const char *path)
{
	const struct place place = {.path = path};
	struct config *config = new_config(NULL);

	if (config == NULL)
		return NULL;
	config->path = path;
	if (!file_read(
		config->arena, path, CONFIG_BYTES_MAX, &config->lines, NULL)) {
		config_free(config);
		return NULL;
	}
	for (struct text rest = config->lines; rest.len > 0;)
		(void)read_line(config, &place, text_split(&rest, '\n'), NULL);
	return config;
}

void
config_free(struct config *config)
{
	if (config != NULL)
		arena_free(config->arena);
}

const char *
config_default_path(void)
{
	static const char *const paths[] = {
	    "/etc/dmarcd.conf", "/etc/opendmarc.conf"};

	for (size_t i = 0; i < 2; i++) {
		if (access(paths[i], R_OK) == 0)
			return paths[i];
	}
	return NULL;
}

enum enforce
config_enforce(const struct config *config)
{
	if (config->enforce >= 0)
		return (enum enforce)config->enforce;
	return config->reject_failures ? ENFORCE_STRICT : ENFORCE_MONITOR;
}

static bool
host_matches(
    const struct config_host *host, const struct ip *client, struct text name)
{
	if (host->ip.version != 0)
		return ip_in_net(client, &host->ip, host->prefix);
	if (host->name.ptr[0] == '.')
		return text_ends_nocase(name, host->name);
	return text_equal_nocase(name, host->name);
}

struct text
config_control_socket(const struct config *config)
{
	struct text address = config->control_socket;

	return text_equal_nocase(address, TEXT("none")) ? TEXT("") : address;
}

bool
config_ignores(
    const struct config *config, const struct ip *client, struct text host)
{
	struct ip ip = ip_unmapped(*client);
	bool ignored = false;

	for (size_t i = 0; i < config->ignored_hosts.count; i++) {
		const struct config_host *line = &config->ignored_hosts.at[i];
		if (host_matches(line, &ip, host))
			ignored = !line->negated;
	}
	return ignored;
}

bool
config_ignores_author(const struct config *config, struct text domain)
{
	struct text rest = config->ignore_mail_from;

	while (rest.len > 0) {
		struct text name = text_trim(text_split(&rest, ','));
		if (name.len > 0 && text_equal_nocase(name, domain))
			return true;
	}
	return false;
}

/* Nothing stands at AT that an address could go on with. */
static bool
is_edge(struct text to, size_t at)
{
	return at >= to.len || strchr("<>()[],:; \t\r\n", to.ptr[at]) != NULL;
}

static bool
stands_in(struct text to, struct text address)
{
	for (size_t at = 0; at + address.len <= to.len; at++)
		if ((at == 0 || is_edge(to, at - 1)) &&
		    is_edge(to, at + address.len) &&
		    text_equal_nocase(
			text_slice(to, at, at + address.len), address))
			return true;
	return false;
}

bool
config_ignores_recipient(const struct config *config, struct text to)
{
	struct text rest = config->ignore_mail_to;

	to = text_slice(to, 0, TO_BYTES_MAX);
	while (rest.len > 0) {
		struct text address = text_trim(text_split(&rest, ','));
		if (address.len > 0 && stands_in(to, address))
			return true;
	}
	return false;
}

bool
config_takes_reports(const struct config *config, struct text address)
{
	struct text rest = config->ignore_mail_to;
	struct text bounces = config->report_envelope_from;

	if (address.len == 0)
		return false;
	if (mailbox_has(config->report_email, address) ||
	    (!text_equal(bounces, TEXT("<>")) && mailbox_has(bounces, address)))
		return true;
	while (rest.len > 0)
		if (mailbox_has(text_trim(text_split(&rest, ',')), address))
			return true;
	return false;
}

bool
config_reports_not_to(const struct config *config, struct text address)
{
	struct text rest = config->no_reports;
	struct text domain =
	    text_slice(address, text_find_last(address, '@') + 1, address.len);

	while (rest.len > 0) {
		struct text line = text_split(&rest, '\n');
		line = text_trim(text_slice(line, 0, text_find(line, '#')));
		if (line.len > 0 && line.ptr[0] == '@')
			line = text_slice(line, 1, line.len);
		if (line.len > 0 && (mailbox_has(line, address) ||
					text_equal_nocase(line, domain)))
			return true;
	}
	return false;
}

bool
config_is_set(const struct config *config, size_t index)
{
	return config->is_set[index];
}
