#define _DEFAULT_SOURCE /* getifaddrs */
#include "report_check.h"

#include "json.h"

#include "clerk/check.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc report --check [OPTION...]\n"
    "\n"
    "Says whether our reports pass DMARC themselves where they arrive, and what\n"
    "to publish. Sends nothing. The status is 0 when they pass, 78 when they do\n"
    "not or only if the MTA signs, 75 when DNS does not answer.\n"
    "\n"
    "  --ip ADDRESS               address that the relay sends from; may be given\n"
    "                             several times. Without: the public ones of this\n"
    "                             machine, if ReportTransport is on it\n"
    "  --helo NAME                what the relay says at HELO (default: this\n"
    "                             host's name)\n"
    "  --zone FILE                answer DNS from this zone file\n"
    "  --resolver ADDRESS[#PORT]  ask this resolver, or several: with commas\n"
    "  --now TIME                 act as if it were TIME: seconds,\n"
    "                             2026-11-23, or 2026-11-23T15:04:05Z\n"
    "  --json                     one object on one line, for programs\n"
    "  -c FILE                    configuration, instead of /etc/dmarcd.conf\n";

enum {
	OPTION_CHECK = 256,
	OPTION_IP,
	OPTION_HELO,
	OPTION_JSON,
	OPTION_HELP,
	ADDRESSES_MAX = 32,
	CHECK_ARENA_MAX = 4 * 1024 * 1024,
	STRING_MAX = 250, /* RFC 1035 3.3: a TXT string is at most 255 bytes */
};

static const struct option options[] = {
    {"check", no_argument, NULL, OPTION_CHECK},
    {"ip", required_argument, NULL, OPTION_IP},
    {"helo", required_argument, NULL, OPTION_HELO},
    {"zone", required_argument, NULL, TOOL_ZONE},
    {"resolver", required_argument, NULL, TOOL_RESOLVER},
    {"now", required_argument, NULL, TOOL_NOW},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

struct asked {
	struct ip address[ADDRESSES_MAX];
	size_t addresses;
	struct text helo;
	bool json;
};

bool
report_check_is_asked(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--check") == 0)
			return true;
	return false;
}

/* NULL, or what is wrong with the value. */
static const char *
take_option(struct asked *asked, int letter)
{
	struct text value = text_from_cstr(optarg == NULL ? "" : optarg);

	switch (letter) {
	case OPTION_HELO: asked->helo = value; return NULL;
	case OPTION_JSON: asked->json = true; return NULL;
	case OPTION_IP:
		if (asked->addresses == ADDRESSES_MAX)
			return "--ip: too many";
		return ip_read(value, &asked->address[asked->addresses++])
			   ? NULL
			   : "--ip: not an address";
	default: return NULL;
	}
}

/* --- this machine's addresses --- */

/* What the world does not see (RFC 6890, its examples too). */
static bool
is_public(const struct ip *ip)
{
	static const char *const nets[] = {"0.0.0.0/8", "10.0.0.0/8",
	    "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	    "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15",
	    "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3", "::/3",
	    "2001:db8::/32", "4000::/2", "8000::/1"};

	for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
		struct ip net;
		unsigned prefix;
		if (ip_read_net(text_from_cstr(nets[i]), &net, &prefix) &&
		    ip_in_net(ip, &net, prefix))
			return false;
	}
	return true;
}

static struct ip
ip_of(const struct sockaddr *address)
{
	struct ip ip = {.version = 0};

	if (address != NULL && address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		memcpy(ip.byte, &in.sin_addr, 4);
		ip.version = 4;
	} else if (address != NULL && address->sa_family == AF_INET6) {
		struct sockaddr_in6 in;
		memcpy(&in, address, sizeof in);
		memcpy(ip.byte, &in.sin6_addr, 16);
		ip.version = 6;
	}
	return ip;
}

static void
add_interfaces(struct asked *asked)
{
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list) != 0)
		return;
	for (const struct ifaddrs *one = list; one != NULL;
	     one = one->ifa_next) {
		struct ip ip = ip_of(one->ifa_addr);
		if (ip.version != 0 && is_public(&ip) &&
		    asked->addresses < ADDRESSES_MAX)
			asked->address[asked->addresses++] = ip;
	}
	freeifaddrs(list);
}

/* A relay elsewhere sends from addresses of its own. */
static bool
is_relay_here(struct text transport)
{
	static const char *const begins[] = {"smtp://127.", "smtps://127.",
	    "smtp://localhost", "smtps://localhost", "smtp://[::1]",
	    "smtps://[::1]", "sendmail:"};

	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (text_starts_nocase(transport, text_from_cstr(begins[i])))
			return true;
	return false;
}

/* --- for people --- */

static const char *
conclusion_sentence(enum check_conclusion conclusion)
{
	static const char *const sentences[] = {
	    [CHECK_BY_BOTH] = "reports pass DMARC by DKIM and SPF",
	    [CHECK_BY_DKIM] = "reports pass DMARC by DKIM",
	    [CHECK_BY_SPF] = "reports pass DMARC by SPF",
	    [CHECK_BY_MTA] = "reports pass DMARC only if the MTA signs them",
	    [CHECK_FAILS] = "reports do not pass DMARC",
	    [CHECK_UNKNOWN] = "not known: DNS does not answer",
	};

	return sentences[conclusion];
}

static void
print_word(const char *what, struct text value, const char *otherwise)
{
	(void)printf("%-12s ", what);
	print_clean(value.len > 0 ? value : text_from_cstr(otherwise));
}

static void
print_policy(const struct check *check)
{
	print_word("policy", check->policy_record, "no record");
	if (check->policy_record.len > 0) {
		(void)printf("  at ");
		print_clean(check->policy_domain);
	}
	(void)printf("\n");
}

static void
print_key(const struct check *check)
{
	if (check->key == CHECK_KEY_NONE) {
		(void)printf("%-12s none\n", "key");
		return;
	}
	const struct crypto_key *key =
	    crypto_secret_key(check->sender.signer.secret);
	print_word("key", check->key_name, "");
	if (crypto_key_algorithm(key) == CRYPTO_RSA_SHA256)
		(void)printf(", RSA of %u bits", crypto_key_bits(key));
	else
		(void)printf(", Ed25519");
	(void)printf(": %s\n", names_word(&check_key_names, (int)check->key));
}

static void
print_route(const struct check_route *route)
{
	char ip[IP_TEXT_MAX];

	if (route->address.version == 0)
		return;
	(void)printf("%-12s dmarc=%s, spf=%s", ip_cstr(&route->address, ip),
	    names_word(&dmarc_result_names, (int)route->dmarc),
	    names_word(&spf_result_names, (int)route->spf));
	if (route->spf_domain.len > 0) {
		(void)printf(" (");
		print_clean(route->spf_domain);
		(void)printf(
		    "%s)", route->spf == SPF_PASS && !route->spf_aligned
			       ? ", not aligned"
			       : "");
	}
	(void)printf("\n");
}

/* A line of a zone file. */
static void
print_record(const struct check *check)
{
	struct text rest = check->key_record;

	if (rest.len == 0 || check->key == CHECK_KEY_GOOD)
		return;
	(void)printf(
	    "\nTo publish:\n\n" TEXT_FMT ". TXT", TEXT_ARG(check->key_name));
	while (rest.len > 0) {
		struct text string = text_slice(rest, 0, STRING_MAX);
		(void)printf(" \"" TEXT_FMT "\"", TEXT_ARG(string));
		rest = text_slice(rest, string.len, rest.len);
	}
	(void)printf("\n");
}

static void
print_check(const struct check *check)
{
	print_word("from", check->sender.self.email, "");
	(void)printf("\n");
	print_policy(check);
	print_key(check);
	for (size_t i = 0; i < check->routes.count; i++)
		print_route(&check->routes.at[i]);
	(void)printf("\n%s\n", conclusion_sentence(check->conclusion));
	for (size_t i = 0; i < check->advice.count; i++) {
		(void)printf("- ");
		print_clean(check->advice.at[i]);
		(void)printf("\n");
	}
	print_record(check);
}

/* --- for programs --- */

static json_t *
route_json(const struct check_route *route)
{
	char ip[IP_TEXT_MAX];

	(void)ip_cstr(&route->address, ip);
	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:b}", "ip",
	    json_from_text(text_from_cstr(ip)), "dmarc",
	    json_from_word(&dmarc_result_names, (int)route->dmarc),
	    "dkim_aligned", route->dkim_aligned, "spf",
	    json_from_word(&spf_result_names, (int)route->spf), "spf_domain",
	    json_from_text(route->spf_domain), "spf_reason",
	    json_from_text(route->spf_reason), "spf_aligned",
	    route->spf_aligned);
}

/* NULL: no memory. */
static json_t *
routes_json(const struct check *check)
{
	json_t *list = json_array();

	for (size_t i = 0; i < check->routes.count; i++)
		list = json_append(list, route_json(&check->routes.at[i]));
	return list;
}

static json_t *
key_json(const struct check *check)
{
	if (check->key == CHECK_KEY_NONE)
		return json_null();
	const struct crypto_key *key =
	    crypto_secret_key(check->sender.signer.secret);
	return json_pack("{s:o, s:s, s:i, s:o, s:o, s:b, s:o}", "name",
	    json_from_text(check->key_name), "type",
	    crypto_key_algorithm(key) == CRYPTO_RSA_SHA256 ? "rsa" : "ed25519",
	    "bits", (int)crypto_key_bits(key), "published",
	    json_from_word(&check_key_names, (int)check->key), "problem",
	    json_from_text(check->key_problem), "testing",
	    check->key_is_testing, "record", json_from_text(check->key_record));
}

static json_t *
check_json(const struct check *check)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "from",
	    json_from_text(check->sender.self.email), "helo",
	    json_from_text(check->helo), "policy_domain",
	    json_from_text(check->policy_domain), "policy_record",
	    json_from_text(check->policy_record), "key", key_json(check),
	    "routes", routes_json(check), "passes",
	    json_from_word(&check_conclusion_names, (int)check->conclusion),
	    "advice", json_from_texts(check->advice.at, check->advice.count));
}

/* --- the command --- */

static int
status_of(const struct check *check)
{
	switch (check->conclusion) {
	case CHECK_BY_BOTH:
	case CHECK_BY_DKIM:
	case CHECK_BY_SPF: return EX_OK;
	case CHECK_UNKNOWN: return EX_TEMPFAIL;
	case CHECK_BY_MTA:
	case CHECK_FAILS: break;
	}
	return EX_CONFIG;
}

static int
run_with(const struct asked *asked, const struct check_options *check_options,
    struct resolver *resolver, struct problem *problem)
{
	struct arena *arena = arena_new(CHECK_ARENA_MAX);
	struct check check;
	int status = EX_OK;

	if (arena == NULL) {
		(void)problem_no_memory(problem);
	} else if (check_reports(
		       check_options, resolver, arena, &check, problem)) {
		status = status_of(&check);
		if (asked->json)
			(void)json_print(check_json(&check), problem);
		else
			print_check(&check);
	}
	arena_free(arena);
	return status;
}

static int
run(const struct tool *tool, struct asked *asked, const struct setup *setup,
    struct problem *problem)
{
	struct tool_dns dns = {.loop = NULL};
	int status = EX_OK;

	if (asked->addresses == 0 &&
	    is_relay_here(setup->config->report_transport))
		add_interfaces(asked);
	const struct check_options check_options = {
	    .setup = setup,
	    .now = tool->now,
	    .helo =
		asked->helo.len > 0 ? asked->helo : setup->config->host_name,
	    .addresses = asked->addresses,
	    .address = asked->address,
	};
	/* The key is read as the clerk reads it. */
	if (tool_become_user(setup->config, problem) &&
	    tool_open_dns(tool, setup->config, NULL, &dns, problem))
		status = run_with(asked, &check_options, dns.resolver, problem);
	tool_close_dns(&dns);
	return status;
}

int
report_check(struct tool *tool, int argc, char **argv)
{
	struct asked asked = {.addresses = 0};
	struct problem problem = {PROBLEM_NONE, ""};
	struct setup setup;
	int status = EX_OK;

	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		if (letter == OPTION_HELP) {
			(void)fputs(usage, stdout);
			return EX_OK;
		}
		const char *what = take_option(&asked, letter);
		if (what != NULL)
			return tool_usage(tool, what, optarg);
	}
	if (optind < argc)
		return tool_usage(tool, "no such argument", argv[optind]);
	if (!tool_has_one_source(tool))
		return tool_usage(tool, TOOL_SEVERAL_SOURCES, NULL);
	struct config *config = tool_config(tool, &problem);
	if (config != NULL && setup_make(config, &setup, &problem)) {
		status = run(tool, &asked, &setup, &problem);
		setup_clear(&setup);
	}
	config_free(config);
	return problem.kind == PROBLEM_NONE ? status
					    : tool_fail(tool, &problem);
}
