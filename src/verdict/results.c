#include "verdict/results.h"

#include "mail/authres.h"

/* A flood of signatures must not push the rest out: beyond the first of them
 * only those that passed are named. */
enum { RESULTS_SIGNATURES_MAX = 20 };

static void
write_spf(struct authres *authres, const struct verdict *verdict)
{
	const struct spf_outcome *spf = &verdict->spf;
	const struct spf_outcome *helo = &verdict->helo;

	authres_method(authres, "spf",
	    names_word(&spf_result_names, (int)spf->result), TEXT(""));
	authres_property(authres, "smtp", "mailfrom", spf->domain);
	bool was_null_sender =
	    verdict->mail_from_domain.len == 0 && spf->domain.len > 0;
	if (was_null_sender || helo->result == SPF_NONE)
		return;
	authres_method(authres, "spf",
	    names_word(&spf_result_names, (int)helo->result), TEXT(""));
	authres_property(authres, "smtp", "helo", helo->domain);
}

static void
write_signature(struct authres *authres, const struct dkim_verdict *signature)
{
	authres_method(authres, "dkim",
	    names_word(&dkim_result_names, (int)signature->result),
	    signature->reason);
	authres_property(authres, "header", "d", signature->domain);
	authres_property(authres, "header", "i", signature->identity);
	authres_property(authres, "header", "s", signature->selector);
	authres_property(authres, "header", "a", signature->algorithm);
	authres_property(authres, "header", "b", signature->b);
}

static void
write_dkim(struct authres *authres, const struct dkim_results *dkim)
{
	if (dkim->count == 0)
		authres_method(authres, "dkim", "none", TEXT(""));
	for (size_t i = 0; i < dkim->count; i++) {
		if (i < RESULTS_SIGNATURES_MAX ||
		    dkim->at[i].result == DKIM_PASS)
			write_signature(authres, &dkim->at[i]);
	}
}

static void
write_dmarc(struct authres *authres, const struct verdict *verdict)
{
	enum dmarc_policy policy = verdict->dmarc.policy;

	authres_method(authres, "dmarc",
	    names_word(&dmarc_result_names, (int)verdict->dmarc.result),
	    verdict->author.status == AUTHOR_OK ? TEXT("")
						: verdict->author.reason);
	authres_property(authres, "header", "from", verdict->author.domain);
	if (policy >= DMARC_POLICY_NONE && policy <= DMARC_POLICY_REJECT)
		authres_property(authres, "policy", "dmarc",
		    text_from_cstr(
			names_word(&dmarc_policy_names, (int)policy)));
}

struct text
results_write(const struct verdict *verdict, struct text id, struct text job,
    struct arena *arena)
{
	struct authres authres;
	struct build value;

	build_init_arena(&value, arena, AUTHRES_FIELD_MAX);
	authres_begin(&authres, &value, id, job);
	write_spf(&authres, verdict);
	write_dkim(&authres, &verdict->dkim);
	write_dmarc(&authres, verdict);
	authres_end(&authres);
	if (!build_failed(&value))
		return build_view(&value);
	/* Over the limit: the verdict alone, whole. */
	build_init_arena(&value, arena, AUTHRES_FIELD_MAX);
	authres_begin(&authres, &value, id, job);
	write_dmarc(&authres, verdict);
	authres_end(&authres);
	return build_view(&value);
}
