#include "verdict.h"

#include "tool.h"

#include <stdio.h>

static void
print_line(const char *what, const char *word, struct text more)
{
	(void)printf("%-12s %s", what, word);
	if (more.len > 0) {
		(void)printf("  ");
		print_clean(more);
	}
	(void)printf("\n");
}

void
spf_print(const char *what, const struct spf_outcome *spf)
{
	print_line(
	    what, names_word(&spf_result_names, (int)spf->result), spf->domain);
	if (spf->reason.len > 0)
		print_line("", "because", spf->reason);
	if (spf->explanation.len > 0)
		print_line("", "the owner says", spf->explanation);
}

static void
print_dkim(const struct dkim_results *results)
{
	for (size_t i = 0; i < results->count; i++) {
		const struct dkim_verdict *one = &results->at[i];
		(void)printf("%-12s %s  ", "dkim",
		    names_word(&dkim_result_names, (int)one->result));
		print_clean(one->domain);
		(void)printf(" (");
		print_clean(one->selector);
		(void)printf(", ");
		print_clean(one->algorithm);
		(void)printf(")");
		if (one->reason.len > 0) {
			(void)printf(": ");
			print_clean(one->reason);
		}
		(void)printf("\n");
	}
	if (results->count == 0)
		(void)printf("%-12s none\n", "dkim");
}

static const char *
policy_word(const struct verdict *verdict)
{
	if (verdict->dmarc.policy != DMARC_POLICY_ABSENT)
		return names_word(
		    &dmarc_policy_names, (int)verdict->dmarc.policy);
	return verdict->dmarc.result == DMARC_TEMPERROR ? "not known"
							: "none that applies";
}

void
verdict_print(const struct verdict *verdict)
{
	const struct disposition *disposition = &verdict->disposition;

	print_line("from",
	    names_word(&author_status_names, (int)verdict->author.status),
	    verdict->author.status == AUTHOR_OK ? verdict->author.domain
						: verdict->author.reason);
	spf_print("spf", &verdict->spf);
	spf_print("helo", &verdict->helo);
	print_dkim(&verdict->dkim);
	print_line("dmarc",
	    names_word(&dmarc_result_names, (int)verdict->dmarc.result),
	    verdict->dmarc.reason);
	print_line(
	    "policy", policy_word(verdict), verdict->discovery.policy_domain);
	print_line("disposition",
	    names_word(&disposition_action_names, (int)disposition->action),
	    disposition->comment);
	if (disposition->smtp_text.len > 0)
		(void)printf("%-12s %s %s " TEXT_FMT "\n", "reply",
		    disposition->smtp_code, disposition->smtp_status,
		    TEXT_ARG(disposition->smtp_text));
	(void)printf("\nAuthentication-Results: ");
	for (size_t i = 0; i < verdict->authentication_results.len; i++) {
		if (verdict->authentication_results.ptr[i] != '\r')
			(void)putchar(verdict->authentication_results.ptr[i]);
	}
	(void)printf("\n");
	if (verdict->story.len > 0)
		(void)printf("\n" TEXT_FMT, TEXT_ARG(verdict->story));
}
