/*
 * feature_hash.c
 *		Text to a vector by feature hashing.  Pure C: no postgres.h here.
 *
 * A stand-in for a real embedding model: it knows spelling, not meaning.  Two
 * texts are near when they share words, pairs of neighbouring words, or pieces
 * of words ("encrypt" and "encryption").  It needs no model file and gives the
 * same vector everywhere, which is what demos and tests want.
 *
 * Every feature of the text is hashed to one of dims coordinates and to a
 * sign, and its weight is added there: the signed hashing trick of Weinberger
 * et al., "Feature Hashing for Large Scale Multitask Learning", ICML 2009
 * (arXiv:0902.2206), section 2.  The features:
 *
 * - words: runs of ASCII letters, digits and bytes above 127, with ASCII
 *	 letters in lower case.  Words of the list below carry no meaning by
 *	 themselves and are left out, unless the text has no others.
 * - pairs of neighbouring words, what was left out not counting;
 * - runs of 3 to 5 characters within a word, its two ends marked: the subword
 *	 features of Bojanowski et al., "Enriching Word Vectors with Subword
 *	 Information", TACL 2017 (arXiv:1607.04606), section 3.2.
 *
 * A word that occurs n times weighs sqrt(n) as much as one that occurs once.
 * The runs of one word share a fixed length among them, so that a long word
 * does not drown the others.
 *
 * The result is the same to the last bit on every machine: hashing goes byte
 * by byte, weights are integers, so that their order of addition is of no
 * matter, and what is left of floating point (square roots and quotients of
 * exactly represented numbers) IEEE 754 rounds correctly.
 *
 * Bytes above 127 are never interpreted beyond "10xxxxxx continues a
 * character", so text of any encoding is safe, and damaged text is too.
 */
#include "type/feature_hash.h"

#include <math.h>
#include <string.h>

/*
 * Weights of a word, of a pair, and the length that a word's runs share.
 *
 * Exactness needs small numbers: a text of single letters, the worst there is,
 * adds up to 448 a byte or less than 2^25 in all, and the squares of that, and
 * their sum, are exact in a double.
 */
#define WORD_WEIGHT		256
#define PAIR_WEIGHT		128
#define RUNS_WEIGHT		512

#define RUN_MIN			3
#define RUN_MAX			5

/* Start values that keep the three kinds of features apart. */
#define WORD_BASIS		UINT64_C(0xcbf29ce484222325)	/* FNV's offset basis */
#define PAIR_BASIS		(WORD_BASIS ^ 1)
#define RUN_BASIS		(WORD_BASIS ^ 2)

/* English words that say nothing about a text's subject; sorted. */
static const char *const stop_words[] = {
	"a", "about", "against", "all", "also", "an", "and", "another", "any",
	"are", "as", "at", "be", "been", "but", "by", "can", "could", "do", "does",
	"for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if",
	"in", "into", "is", "it", "its", "many", "me", "more", "my", "no", "not",
	"of", "on", "one", "or", "other", "our", "s", "she", "so", "some", "such",
	"t", "than", "that", "the", "their", "them", "then", "there", "these",
	"they", "this", "those", "to", "us", "use", "used", "uses", "using", "was",
	"we", "were", "what", "when", "where", "which", "while", "who", "will",
	"with", "would", "you", "your"
};

#define NUM_STOP_WORDS	(sizeof(stop_words) / sizeof(stop_words[0]))

/* A position in a text that is being cut into words. */
typedef struct Reader
{
	const unsigned char *text;
	size_t		len;
	size_t		next;			/* where to go on */
	size_t		start;			/* the word found: its first byte */
	size_t		word_len;		/* and its length */
} Reader;

/* ASCII lower case; other bytes stay. */
static inline unsigned char
fold(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') ? c + ('a' - 'A') : c;
}

/* Whether the byte belongs to a word. */
static inline bool
is_word_byte(unsigned char c)
{
	c = fold(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

/* Whether the byte continues a UTF-8 character. */
static inline bool
is_continuation(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

/*
 * One byte of 64-bit FNV-1a (Fowler, Noll and Vo; IETF
 * draft-eastlake-fnv, section 2).
 */
static inline uint64_t
hash_byte(uint64_t hash, unsigned char c)
{
	return (hash ^ c) * UINT64_C(0x100000001b3);
}

/*
 * Spread the entropy of an FNV hash to all bits: the finalizer of MurmurHash3
 * (Austin Appleby, public domain).
 */
static inline uint64_t
hash_finish(uint64_t hash)
{
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	hash ^= hash >> 33;
	return hash;
}

/* Start reading a text, or the part of it that counts. */
static Reader
reader_start(const char *text, size_t len)
{
	Reader		reader = {0};

	reader.text = (const unsigned char *) text;
	reader.len = len < VS_FEATURE_MAX_BYTES ? len : VS_FEATURE_MAX_BYTES;
	return reader;
}

/* Move to the next word; false at the end of the text. */
static bool
next_word(Reader *reader)
{
	size_t		i = reader->next;

	while (i < reader->len && !is_word_byte(reader->text[i]))
		i++;
	reader->start = i;
	while (i < reader->len && is_word_byte(reader->text[i]))
		i++;
	reader->word_len = i - reader->start;
	reader->next = i;
	return reader->word_len > 0;
}

/* Compare the reader's word with a C string as strcmp() does. */
static int
compare_word(const Reader *reader, const char *other)
{
	for (size_t i = 0; i < reader->word_len; i++)
	{
		int			diff = fold(reader->text[reader->start + i]) - (unsigned char) other[i];

		if (diff != 0)
			return diff;		/* also where other ends: its '\0' is smaller */
	}
	return other[reader->word_len] == '\0' ? 0 : -1;
}

/* Whether the reader's word is on the list above. */
static bool
is_stop_word(const Reader *reader)
{
	size_t		low = 0;
	size_t		high = NUM_STOP_WORDS;

	while (low < high)
	{
		size_t		middle = (low + high) / 2;
		int			diff = compare_word(reader, stop_words[middle]);

		if (diff == 0)
			return true;
		if (diff < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/* Largest integer whose square is at most x. */
static int64_t
square_root(uint64_t x)
{
	/* x stays far below 2^52: exact in a double, and so is the floor. */
	return (int64_t) sqrt((double) x);
}

/* Add a feature's weight at its coordinate, with its sign. */
static void
add_feature(int64_t *acc, int dims, uint64_t hash, int64_t weight)
{
	uint64_t	bits = hash_finish(hash);
	uint64_t	coordinate = ((bits & UINT64_C(0xffffffff)) * (uint64_t) dims) >> 32;

	acc[coordinate] += (bits >> 63) ? weight : -weight;
}

/* Count one occurrence of a word or a pair. */
static void
count_feature(VsFeature *slots, size_t nslots, uint64_t hash, size_t start, size_t len)
{
	size_t		i = hash_finish(hash) & (nslots - 1);

	while (slots[i].count > 0 && slots[i].hash != hash)
		i = (i + 1) & (nslots - 1);
	slots[i].hash = hash;
	slots[i].start = (uint32_t) start;
	slots[i].len = (uint32_t) len;
	slots[i].count++;
}

/* Count the text's words and pairs; returns the number of words counted. */
static size_t
count_words(Reader reader, bool skip_stop_words, VsFeature *slots, size_t nslots)
{
	size_t		words = 0;
	uint64_t	previous = 0;

	while (next_word(&reader))
	{
		uint64_t	hash = WORD_BASIS;

		if (skip_stop_words && is_stop_word(&reader))
			continue;
		for (size_t i = 0; i < reader.word_len; i++)
			hash = hash_byte(hash, fold(reader.text[reader.start + i]));
		count_feature(slots, nslots, hash, reader.start, reader.word_len);

		/* A pair is the second word's bytes, hashed on from the first. */
		if (words > 0)
		{
			uint64_t	pair = hash_byte(previous ^ WORD_BASIS ^ PAIR_BASIS, ' ');

			for (size_t i = 0; i < reader.word_len; i++)
				pair = hash_byte(pair, fold(reader.text[reader.start + i]));
			count_feature(slots, nslots, pair, 0, 0);
		}
		previous = hash;
		words++;
	}
	return words;
}

/* How many runs of RUN_MIN to RUN_MAX characters a word has, ends marked. */
static size_t
count_runs(const unsigned char *word, size_t len)
{
	size_t		chars = 2;
	size_t		runs = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (i == 0 || !is_continuation(word[i]))
			chars++;
	}
	for (size_t n = RUN_MIN; n <= RUN_MAX && n <= chars; n++)
		runs += chars - n + 1;
	return runs;
}

/*
 * Add the runs of characters of a word that occurs count times.  Position 0
 * is the mark before the word, position len + 1 the one behind it.
 */
static void
add_runs(int64_t *acc, int dims, const unsigned char *word, size_t len, uint32_t count)
{
	int64_t		weight = square_root((uint64_t) RUNS_WEIGHT * RUNS_WEIGHT * count / count_runs(word, len));

	for (size_t first = 0; first <= len; first++)
	{
		uint64_t	hash = RUN_BASIS;
		int			chars = 0;

		/* A run starts where a character does. */
		if (first > 1 && is_continuation(word[first - 1]))
			continue;
		for (size_t i = first; i <= len + 1; i++)
		{
			bool		mark = (i == 0 || i == len + 1);

			/* A new character: is the run before it long enough? */
			if (mark || i == 1 || !is_continuation(word[i - 1]))
			{
				if (chars >= RUN_MIN)
					add_feature(acc, dims, hash, weight);
				if (chars++ == RUN_MAX)
					break;
			}
			hash = hash_byte(hash, mark ? ' ' : fold(word[i - 1]));
			if (i == len + 1 && chars >= RUN_MIN)
				add_feature(acc, dims, hash, weight);
		}
	}
}

size_t
vs_feature_slots(const char *text, size_t len)
{
	Reader		reader = reader_start(text, len);
	size_t		words = 0;
	size_t		slots = 4;

	while (next_word(&reader))
		words++;
	if (words == 0)
		return 0;
	/* One word and one pair a word, half the slots free. */
	while (slots < words * 4)
		slots *= 2;
	return slots;
}

bool
vs_feature_hash(const char *text, size_t len, VsFeature *slots, size_t nslots,
				int64_t *acc, float *out, int dims)
{
	Reader		reader = reader_start(text, len);
	double		sum = 0;
	double		norm;

	memset(out, 0, sizeof(float) * dims);
	if (nslots == 0)
		return false;
	if (count_words(reader, true, slots, nslots) == 0)
		count_words(reader, false, slots, nslots);

	for (size_t i = 0; i < nslots; i++)
	{
		uint64_t	base = slots[i].len > 0 ? WORD_WEIGHT : PAIR_WEIGHT;

		if (slots[i].count == 0)
			continue;
		add_feature(acc, dims, slots[i].hash, square_root(base * base * slots[i].count));
		if (slots[i].len > 0)
			add_runs(acc, dims, reader.text + slots[i].start, slots[i].len, slots[i].count);
	}

	for (int i = 0; i < dims; i++)
		sum += (double) acc[i] * (double) acc[i];
	if (sum == 0)
		return false;
	norm = sqrt(sum);
	for (int i = 0; i < dims; i++)
		out[i] = (float) ((double) acc[i] / norm);
	return true;
}
