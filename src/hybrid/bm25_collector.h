/*
 * bm25_collector.h
 *		Rows collected in memory, to be made a segment.
 */
#ifndef VECSTORE_BM25_COLLECTOR_H
#define VECSTORE_BM25_COLLECTOR_H

#include "hybrid/bm25_document.h"
#include "hybrid/bm25_segment.h"

typedef struct VsBm25Collector VsBm25Collector;

extern VsBm25Collector *vs_bm25_collector_create(MemoryContext parent);
extern void vs_bm25_collector_free(VsBm25Collector *collector);

/* A term may be in the document several times, and terms in any order. */
extern void vs_bm25_collector_add(VsBm25Collector *collector, const VsBm25Document *document);

/* What it takes, and what it will take to write it. */
extern Size vs_bm25_collector_bytes(const VsBm25Collector *collector);
extern bool vs_bm25_collector_is_empty(const VsBm25Collector *collector);

/* Write everything: rows, NULLs, terms.  Once. */
extern void vs_bm25_collector_write(VsBm25Collector *collector, VsBm25Writer *writer);

#endif							/* VECSTORE_BM25_COLLECTOR_H */
