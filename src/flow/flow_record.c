/*
 * flow_record.c
 *		What is the same of every flow record, wherever it comes from.
 *
 * Owns no memory.
 */
#include "flow/flow.h"

#include "flow/flow_address.h"

/* Complete one end's translation from what is not translated, or drop it if all is the same. */
static void
settle_end(flow_address *translated, uint16_t *translated_port, const flow_address *address,
		   uint16_t port)
{
	if (translated->family == 0 && *translated_port == 0)
		return;
	if (translated->family == 0)
		*translated = *address;
	if (*translated_port == 0)
		*translated_port = port;
	if (*translated_port == port && flow_address_compare(translated, address) == 0)
	{
		*translated = (flow_address){0};
		*translated_port = 0;
	}
}

void
flow_record_settle_translation(flow_record *record)
{
	settle_end(&record->nat_local, &record->nat_local_port, &record->local, record->local_port);
	settle_end(&record->nat_peer, &record->nat_peer_port, &record->peer, record->peer_port);
}
