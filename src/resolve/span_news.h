/*
 * span_news.h
 *		Batches of spans that have not been paired.
 */
#ifndef TOPOLOGY_RESOLVE_SPAN_NEWS_H
#define TOPOLOGY_RESOLVE_SPAN_NEWS_H

#include "postgres.h"

#include "resolve/span_pairing.h"

/* Batches that have been taken up, and what they say besides their waits. */
typedef struct span_news
{
	int64 *parts; /* their numbers, ascending */
	int count;
	int64 unattributed;
	int64 repeated;
	span_pairing *pairing;
} span_news;

/*
 * Take the next batches off the list: one, and more while their waits take less
 * than so many bytes.  Their waits are added to a new pairing.  count is 0 if none are
 * left.  Needs SPI and the advisory lock of pairing; memory is of the current
 * context.
 */
extern void span_news_take(span_news *news, int64 max_bytes);

#endif /* TOPOLOGY_RESOLVE_SPAN_NEWS_H */
