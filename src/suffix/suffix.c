#include "suffix/suffix.h"

#include "base/build.h"
#include "dns/name.h"

#include <libpsl.h>
#include <stdio.h>
#include <string.h>

/* For the list's own few bytes; the rules are libpsl's. */
enum { ARENA_BYTES = 1024 };

struct suffix_list {
	struct arena *arena;
	const psl_ctx_t *psl;
};

static void
free_psl(void *object)
{
	psl_free(object);
}

static struct suffix_list *
new_list(struct arena *arena, const psl_ctx_t *psl)
{
	struct suffix_list *list = arena_alloc(arena, sizeof *list);

	if (list == NULL) {
		arena_free(arena);
		return NULL;
	}
	*list = (struct suffix_list){arena, psl};
	return list;
}

static bool
has_line(struct text bytes, struct text wanted)
{
	while (bytes.len > 0) {
		if (text_equal(text_trim(text_split(&bytes, '\n')), wanted))
			return true;
	}
	return false;
}

static bool
has_rule(const psl_ctx_t *psl, const char *name)
{
	return psl_is_public_suffix2(
		   psl, name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}

/* libpsl takes every line of any text for a rule, so an error page saved as the
 * list would leave the default rule alone: all of co.uk one organization. The
 * last mark stands at the end of the list, which a list cut short has not. Of a
 * DAFSA libpsl says no count of rules (-1). */
static bool
is_list(const psl_ctx_t *psl, struct text bytes)
{
	if (text_starts(bytes, TEXT(".DAFSA@PSL_")))
		return has_rule(psl, "com") && has_rule(psl, "co.uk");
	return psl_suffix_count(psl) > 0 &&
	       has_line(bytes, TEXT("// ===BEGIN ICANN DOMAINS===")) &&
	       has_line(bytes, TEXT("// ===END PRIVATE DOMAINS==="));
}

/* libpsl compares bytes, so that a rule in capitals would match nothing. A
 * comment stays, since libpsl looks for its marks. */
static struct text
lower_rules(struct arena *arena, struct text bytes)
{
	struct build build;

	if (text_starts(bytes, TEXT(".DAFSA")))
		return bytes;
	build_init_arena(&build, arena, bytes.len + 1);
	while (bytes.len > 0) {
		struct text line = text_split(&bytes, '\n');
		build_text(&build, text_starts(line, TEXT("//"))
				       ? line
				       : arena_lower(arena, line));
		build_byte(&build, '\n');
	}
	return build_failed(&build) ? TEXT("") : build_view(&build);
}

static psl_ctx_t *
load_bytes(struct text bytes)
{
	void *buffer;

	/* fmemopen wants it writable, but not for "r". */
	memcpy(&buffer, &bytes.ptr, sizeof buffer);
	FILE *file = bytes.len == 0 ? NULL : fmemopen(buffer, bytes.len, "r");
	if (file == NULL)
		return NULL;
	psl_ctx_t *psl = psl_load_fp(file);
	(void)fclose(file);
	return psl;
}

static psl_ctx_t *
load(struct text bytes)
{
	struct arena *arena = arena_new(8 * bytes.len + ARENA_BYTES);

	if (arena == NULL)
		return NULL;
	struct text rules = lower_rules(arena, bytes);
	psl_ctx_t *psl = load_bytes(rules);
	if (psl != NULL && !is_list(psl, rules)) {
		psl_free(psl);
		psl = NULL;
	}
	arena_free(arena);
	return psl;
}

struct suffix_list *
suffix_list_read(struct text bytes)
{
	psl_ctx_t *psl = load(bytes);
	struct arena *arena = psl == NULL ? NULL : arena_new(ARENA_BYTES);

	if (arena == NULL)
		psl_free(psl);
	if (arena == NULL || !arena_defer(arena, free_psl, psl)) {
		arena_free(arena);
		return NULL;
	}
	return new_list(arena, psl);
}

struct suffix_list *
suffix_list_builtin(void)
{
	const psl_ctx_t *psl = psl_builtin();
	struct arena *arena = psl == NULL ? NULL : arena_new(ARENA_BYTES);

	return arena == NULL ? NULL : new_list(arena, psl);
}

void
suffix_list_free(struct suffix_list *list)
{
	if (list != NULL)
		arena_free(list->arena);
}

struct text
suffix_organizational_domain(const struct suffix_list *list, struct text name)
{
	char cstr[DNS_NAME_MAX + 1];

	/* What is no name stands for itself, and is aligned with nothing else. */
	if (!dns_name_is_valid(name) || text_has(name, '\0'))
		return name;
	memcpy(cstr, name.ptr, name.len);
	cstr[name.len] = '\0';
	const char *found = psl_registrable_domain(list->psl, cstr);
	if (found == NULL)
		return name;
	return text_slice(name, (size_t)(found - cstr), name.len);
}
