#include "clerk/consent.h"

/* Of one check: ten times what the largest answer takes. */
enum { SCRATCH_ARENA_MAX = 1024 * 1024 };

struct asked {
	const struct consent *consent;
	struct destination *destination;
	struct dns_facts *facts;
	struct arena *scratch;
};

static bool
check(void *context)
{
	const struct asked *asked = context;

	return destination_check(asked->destination,
	    asked->consent->policy_domain, asked->consent->dmarc, asked->facts,
	    asked->scratch, NULL);
}

static bool
begin(struct asked *asked, const struct consent *consent,
    struct destination *destination)
{
	*asked = (struct asked){.consent = consent,
	    .destination = destination,
	    .scratch = arena_new(SCRATCH_ARENA_MAX)};
	if (asked->scratch != NULL)
		asked->facts = dns_facts_new(asked->scratch);
	if (asked->facts == NULL)
		arena_free(asked->scratch);
	return asked->facts != NULL;
}

static void
end(const struct asked *asked, struct arena *arena)
{
	struct destination *destination = asked->destination;

	destination->address = arena_copy(arena, destination->address);
	destination->host = arena_copy(arena, destination->host);
	destination->reason = arena_copy(arena, destination->reason);
	arena_free(asked->scratch);
}

void
consent_ask(const struct consent *consent, struct destination *destinations,
    size_t count, struct arena *arena)
{
	struct asked *asked = arena_array(arena, count, sizeof *asked);
	struct resolver_check *checks =
	    arena_array(arena, count, sizeof *checks);
	bool has_room = asked != NULL && checks != NULL;
	size_t begun = 0;

	for (size_t i = 0; i < count; i++) {
		struct destination *destination = &destinations[i];
		if (destination->status != DESTINATION_OK)
			continue;
		if (!has_room || !begin(&asked[begun], consent, destination)) {
			destination->status = DESTINATION_TEMPERROR;
			destination->reason = TEXT("no memory");
			continue;
		}
		checks[begun] =
		    (struct resolver_check){.facts = asked[begun].facts,
			.run = check,
			.context = &asked[begun]};
		begun++;
	}
	resolver_run_checks(
	    consent->resolver, checks, begun, &consent->patience);
	for (size_t i = 0; i < begun; i++)
		end(&asked[i], arena);
}
