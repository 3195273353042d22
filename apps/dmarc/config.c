/* dmarc config: the options and their values, all from the one table. */
#include "json.h"
#include "tool.h"

#include "config/options.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarc config [OPTION...]\n"
    "\n"
    "Reads the configuration and prints what it sets, as it is in effect.\n"
    "The status is 0 for a good configuration, 78 for a wrong one.\n"
    "\n"
    "  --all    every option, with what it is for; those that are not set\n"
    "           behind a #, with their default\n"
    "  --json   one object on one line: the value of every option\n"
    "  -c FILE  configuration, instead of /etc/dmarcd.conf\n";

static const char head[] =
    "# Configuration of dmarcd and dmarc: every option, see dmarcd.conf(5).\n"
    "# Those behind a # are not set; they show their default, if they have one.\n"
    "# Made by \"dmarc config --all\".\n";

enum { LETTER_ALL = 256, LETTER_JSON, COMMENT_WIDTH = 78 };

/* A sentence as comment lines. */
static void
print_comment(struct text rest)
{
	size_t column = 0;

	while (rest.len > 0) {
		struct text word = text_split(&rest, ' ');
		if (column == 0 || column + 1 + word.len > COMMENT_WIDTH) {
			(void)fputs(column == 0 ? "#" : "\n#", stdout);
			column = 1;
		}
		(void)printf(" " TEXT_FMT, TEXT_ARG(word));
		column += 1 + word.len;
	}
	(void)putchar('\n');
}

/* What a value must be, and whether a reload takes it. */
static void
print_kind(const struct config_option *option)
{
	(void)printf("# %s", option_type_name(option->type));
	for (size_t i = 0; option->words != NULL && i < option->words->count;
	     i++)
		(void)printf(
		    "%s%s", i == 0 ? ": " : ", ", option->words->word[i]);
	if (option->type == OPTION_NUMBER && option->max == OPTION_MODE_MAX)
		(void)printf(", octal");
	else if (option->max > 0)
		(void)printf(" from %llu to %llu%s",
		    (unsigned long long)option->min,
		    (unsigned long long)option->max,
		    option->type == OPTION_SECONDS ? " seconds"
		    : option->type == OPTION_BYTES ? " bytes"
						   : "");
	(void)puts(option->use == OPTION_RESTART
		       ? "; cannot be changed by a reload"
		       : "");
}

static void
print_line(
    const char *mark, const struct config_option *option, struct text value)
{
	if (value.len == 0)
		(void)printf("%s%s\n", mark, option->name);
	else
		(void)printf("%s%-27s " TEXT_FMT "\n", mark, option->name,
		    TEXT_ARG(value));
}

static void
print_all(const struct config *config)
{
	(void)fputs(head, stdout);
	for (size_t i = 0; i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		const char *unset = option->default_value;
		(void)putchar('\n');
		print_comment(text_from_cstr(option->sentence));
		print_kind(option);
		if (config_is_set(config, i))
			print_line("", option,
			    option_get(option, config, config->arena));
		else
			print_line("#", option,
			    text_from_cstr(unset == NULL ? "" : unset));
	}
}

static void
print_set(const struct config *config)
{
	for (size_t i = 0; i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		struct text value = option_get(option, config, config->arena);
		if (config_is_set(config, i))
			print_line("", option, value);
	}
}

static json_t *
value_json(const struct config_option *option, const struct config *config)
{
	const void *member = (const char *)config + option->offset;
	unsigned number;

	switch (option->type) {
	case OPTION_BOOLEAN: return json_boolean(*(const bool *)member);
	case OPTION_NUMBER:
	case OPTION_SECONDS:
	case OPTION_BYTES:
		memcpy(&number, member, sizeof number);
		return json_integer((json_int_t)number);
	case OPTION_TEXT:
	case OPTION_FILE:
	case OPTION_WORD: break;
	}
	return json_from_text(option_get(option, config, config->arena));
}

/* Options that are not needed have no value. */
static bool
print_json(const struct config *config, struct problem *problem)
{
	json_t *object = json_object();

	for (size_t i = 0; i < config_options_count; i++) {
		const struct config_option *option = &config_options[i];
		if (option->use != OPTION_IDLE &&
		    json_object_set_new(object, option->name,
			value_json(option, config)) != 0) {
			json_decref(object);
			return problem_no_memory(problem);
		}
	}
	return json_print(object, problem);
}

/* What carries Enforce, though another option says it. */
static void
settle_enforce(struct config *config)
{
	size_t enforce =
	    (size_t)(option_find(TEXT("Enforce")) - config_options);

	config->enforce = (int)config_enforce(config);
	config->is_set[enforce] = true;
}

static bool
print(const struct tool *tool, int letter, struct problem *problem)
{
	struct config *config = tool_config(tool, problem);
	bool is_printed = config != NULL;

	if (config == NULL)
		return false;
	if (letter == LETTER_ALL) {
		print_all(config);
	} else {
		settle_enforce(config);
		if (letter == LETTER_JSON)
			is_printed = print_json(config, problem);
		else
			print_set(config);
	}
	config_free(config);
	return is_printed;
}

static int
run(struct tool *tool, int argc, char **argv)
{
	static const struct option options[] = {
	    {"all", no_argument, NULL, LETTER_ALL},
	    {"json", no_argument, NULL, LETTER_JSON},
	    {NULL, 0, NULL, 0},
	};
	struct problem problem = {PROBLEM_NONE, ""};
	int what = 0;

	for (int letter;
	     (letter = tool_option(tool, argc, argv, options)) != -1;) {
		if (letter == '?')
			return EX_USAGE;
		if (what != 0 && what != letter)
			return tool_usage(tool, "give --all or --json", NULL);
		what = letter;
	}
	if (optind < argc)
		return tool_usage(tool, "no such argument", argv[optind]);
	return print(tool, what, &problem) ? EX_OK : tool_fail(tool, &problem);
}

const struct command command_config = {
    .name = "config",
    .sentence = "print the configuration",
    .usage = usage,
    .run = run,
};
