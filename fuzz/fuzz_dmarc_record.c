/* DMARC records: what is read of any text keeps the limits, and written again
 * it is read as the same. */
#include "dmarc/record.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool
is_policy(enum dmarc_policy policy)
{
	return policy >= DMARC_POLICY_NONE && policy <= DMARC_POLICY_REJECT;
}

static void
write_policy(struct build *build, const char *tag, enum dmarc_policy policy)
{
	if (policy == DMARC_POLICY_ABSENT)
		return;
	build_format(build, "; %s=%s", tag,
	    names_word(&dmarc_policy_names, (int)policy));
}

static void
write_uris(
    struct build *build, const char *tag, const struct text *uris, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i == 0)
			build_format(build, "; %s=", tag);
		else
			build_byte(build, ',');
		build_text(build, uris[i]);
	}
}

static struct text
write_record(struct arena *arena, const struct dmarc_record *record)
{
	static const char psd[] = {[DMARC_PSD_UNKNOWN] = 'u',
	    [DMARC_PSD_YES] = 'y',
	    [DMARC_PSD_NO] = 'n'};
	struct build build;

	build_init_arena(&build, arena, 1 << 20);
	build_cstr(&build, "v=DMARC1");
	write_policy(&build, "p", record->p);
	write_policy(&build, "sp", record->sp);
	write_policy(&build, "np", record->np);
	build_format(&build, "; adkim=%c; aspf=%c; psd=%c; t=%c; pct=%u; fo=",
	    record->strict_dkim ? 's' : 'r', record->strict_spf ? 's' : 'r',
	    psd[record->psd], record->testing ? 'y' : 'n', record->pct);
	build_text(&build, record->fo);
	write_uris(&build, "rua", record->rua.at, record->rua.count);
	write_uris(&build, "ruf", record->ruf.at, record->ruf.count);
	assert(!build_failed(&build));
	return build_view(&build);
}

static void
check_uris(const struct text *uris, size_t count, struct text whole)
{
	assert(count <= DMARC_URIS_MAX);
	for (size_t i = 0; i < count; i++) {
		assert(uris[i].len >= 3);
		assert(text_has(uris[i], ':'));
		assert(uris[i].ptr >= whole.ptr &&
		       uris[i].ptr + uris[i].len <= whole.ptr + whole.len);
		for (size_t k = 0; k < uris[i].len; k++)
			assert(is_printable((unsigned char)uris[i].ptr[k]) &&
			       !text_has(TEXT("!,;<>\""), uris[i].ptr[k]));
	}
}

static void
check_same(const struct dmarc_record *a, const struct dmarc_record *b)
{
	assert(a->p == b->p && a->sp == b->sp && a->np == b->np);
	assert(a->strict_dkim == b->strict_dkim);
	assert(a->strict_spf == b->strict_spf);
	assert(a->psd == b->psd && a->testing == b->testing);
	assert(a->pct == b->pct && text_equal(a->fo, b->fo));
	assert(a->rua.count == b->rua.count && a->ruf.count == b->ruf.count);
	for (size_t i = 0; i < a->rua.count; i++)
		assert(text_equal(a->rua.at[i], b->rua.at[i]));
	for (size_t i = 0; i < a->ruf.count; i++)
		assert(text_equal(a->ruf.at[i], b->ruf.at[i]));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text text = {(const char *)bytes, len};
	struct arena *arena = arena_new((size_t)16 * 1024 * 1024);

	if (arena == NULL)
		return 0;
	bool is_dmarc = dmarc_record_is_dmarc(text);
	const struct dmarc_record *record = dmarc_record_read(arena, text);
	if (record == NULL || !is_dmarc) {
		arena_free(arena);
		return 0;
	}
	check_uris(record->rua.at, record->rua.count, record->text);
	check_uris(record->ruf.at, record->ruf.count, record->text);
	assert(record->pct <= 100 && record->warnings.count <= 20);
	assert(!dmarc_record_is_usable(record) || is_policy(record->p));
	const struct dmarc_record *again =
	    dmarc_record_read(arena, write_record(arena, record));
	if (again != NULL)
		check_same(record, again);
	arena_free(arena);
	return 0;
}
