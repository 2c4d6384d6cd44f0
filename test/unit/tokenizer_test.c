/*
 * tokenizer_test.c
 *		The tokenizers: their terms, positions and offsets; words of the ASCII
 *		path against those of ICU; text that no test writer thinks of.
 *
 * Texts lie in memory that ends where they end, so that the address sanitizer
 * sees a read beyond (run it with SAN=1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include "hybrid/tokenizer.h"
#include "hybrid/words.h"

/* A fixed sequence of random bits (xorshift64*): failures repeat. */
static uint64_t random_state;

static uint32_t
random_bits(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t) ((random_state * 2685821657736338717u) >> 32);
}

static VsTokenizer *
create(const char *name, VsTokenizerOptions options)
{
	VsTokenizer *tokenizer;

	assert_int_equal(vs_tokenizer_create(name, &options, &tokenizer), VS_TOKENIZER_OK);
	return tokenizer;
}

/* A copy that ends where its memory ends. */
static char *
exact_copy(const char *text, size_t length)
{
	char	   *copy = (char *) malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, text, length);
	return copy;
}

/* All tokens of a text as "term@position[start-end) ...". */
static const char *
describe(VsTokenizer *tokenizer, const char *text)
{
	static char out[4096];
	size_t		length = strlen(text);
	char	   *copy = exact_copy(text, length);
	char	   *at = out;
	VsToken		token;

	*at = '\0';
	vs_tokens_begin(tokenizer, copy, (int32_t) length);
	while (vs_tokens_next(tokenizer, &token))
		at += sprintf(at, "%s%.*s@%d[%d-%d)", at > out ? " " : "", token.length, token.term,
					  token.position, token.start, token.end);
	assert_false(vs_tokens_failed(tokenizer));
	/* The end stays the end. */
	assert_false(vs_tokens_next(tokenizer, &token));
	free(copy);
	return out;
}

/* All terms, with a bar between. */
static const char *
terms(VsTokenizer *tokenizer, const char *text)
{
	static char out[4096];
	char	   *at = out;
	VsToken		token;

	*at = '\0';
	vs_tokens_begin(tokenizer, text, (int32_t) strlen(text));
	while (vs_tokens_next(tokenizer, &token))
		at += sprintf(at, "%s%.*s", at > out ? "|" : "", token.length, token.term);
	return out;
}

/* Words, positions and offsets in bytes. */
static void
simple_tokens(void **state)
{
	VsTokenizer *t = create("simple", (VsTokenizerOptions) {0});

	(void) state;
	assert_string_equal(describe(t, "It's 3.5 GHz, a_b!"),
						"it's@1[0-4) 3.5@2[5-8) ghz@3[9-12) a_b@4[14-17)");
	assert_string_equal(describe(t, "Zoë  STRASSE Straße"),
						"zoë@1[0-4) strasse@2[6-13) strasse@3[14-21)");
	assert_string_equal(describe(t, ""), "");
	assert_string_equal(describe(t, " \t\n.,;- _ "), "");
	assert_string_equal(terms(t, "e-mail a.b a..b a.1 1.a 1,000.5 __ _ _a x:1"),
						"e|mail|a.b|a|b|a|1|1|a|1,000.5|__|_a|x|1");
	assert_string_equal(terms(t, "ΑΘΉΝΑ ΟΔΟΣ οδος Москва"), "αθήνα|οδοσ|οδοσ|москва");
	/* The Kelvin sign, a ligature, the long s. */
	assert_string_equal(terms(t, "\xE2\x84\xAA \xEF\xAC\x81n \xC5\xBFo"), "k|fin|so");
	vs_tokenizer_free(t);
}

/* Scripts without spaces, emoji, combining marks. */
static void
simple_scripts(void **state)
{
	VsTokenizer *t = create("simple", (VsTokenizerOptions) {0});

	(void) state;
	assert_string_equal(describe(t, "日本語のテキスト。"), "日本語@1[0-9) の@2[9-12) テキスト@3[12-24)");
	assert_string_equal(terms(t, "한국어 ภาษาไทย"), "한국어|ภาษา|ไทย");
	/* Not words: a family, a flag, a skin tone.  A keycap is a number. */
	assert_string_equal(terms(t, "a \xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 "
							  "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA \xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD b"), "a|b");
	assert_string_equal(describe(t, "1\xEF\xB8\x8F\xE2\x83\xA3"), "1\xEF\xB8\x8F\xE2\x83\xA3@1[0-7)");
	/* A combining acute stays with its e, and is not the composed letter. */
	assert_string_equal(describe(t, "E\xCC\x81t e"), "e\xCC\x81t@1[0-4) e@2[5-6)");
	/* Quotation marks of typographers. */
	assert_string_equal(terms(t, "“Don’t” ‘so’"), "don’t|so");
	vs_tokenizer_free(t);
}

/* A term of a text as ICU alone has it. */
typedef struct Expected
{
	UBreakIterator *breaks;
	UText		utext;
	const char *text;
	int32_t		at;
} Expected;

static void
expect_begin(Expected *e, const char *text, int32_t length)
{
	UErrorCode	status = U_ZERO_ERROR;

	utext_openUTF8(&e->utext, text, length, &status);
	ubrk_setUText(e->breaks, &e->utext, &status);
	assert_true(U_SUCCESS(status));
	e->text = text;
	e->at = 0;
}

static bool
expect_next(Expected *e, VsToken *token, char term[VS_MAX_TERM_BYTES])
{
	UChar		word[4096];
	UChar		folded[4096];
	char		utf8[8192];
	UErrorCode	status = U_ZERO_ERROR;
	int32_t		end;
	int32_t		n;

	while ((end = ubrk_next(e->breaks)) != UBRK_DONE)
	{
		token->start = e->at;
		token->end = e->at = end;
		if (ubrk_getRuleStatus(e->breaks) < UBRK_WORD_NUMBER)
			continue;
		u_strFromUTF8WithSub(word, 4096, &n, e->text + token->start, end - token->start, 0xFFFD, NULL, &status);
		n = u_strFoldCase(folded, 4096, word, n, U_FOLD_CASE_DEFAULT, &status);
		u_strToUTF8(utf8, sizeof(utf8), &token->length, folded, n, &status);
		assert_true(U_SUCCESS(status));
		if (token->length > VS_MAX_TERM_BYTES)
		{
			token->length = VS_MAX_TERM_BYTES;
			U8_TRUNCATE_IF_INCOMPLETE(utf8, 0, token->length);
		}
		memcpy(term, utf8, (size_t) token->length);
		token->term = term;
		return true;
	}
	return false;
}

/* Fail with the text, so that it can be tried by hand. */
static void
assert_same_tokens(VsTokenizer *t, Expected *e, const char *text, int32_t length)
{
	char		term[VS_MAX_TERM_BYTES];
	VsToken		want;
	VsToken		got;
	int			position = 0;

	expect_begin(e, text, length);
	vs_tokens_begin(t, text, length);
	while (expect_next(e, &want, term))
	{
		if (!vs_tokens_next(t, &got) || got.start != want.start || got.end != want.end ||
			got.length != want.length || memcmp(got.term, want.term, (size_t) got.length) != 0 ||
			got.position != ++position)
		{
			print_message("text around it:");
			for (int i = want.start - 200 > 0 ? want.start - 200 : 0; i < length && i < want.end + 200; i++)
				print_message("\\x%02x", (unsigned char) text[i]);
			fail_msg("ICU has a word at %d-%d, ours is %d-%d", want.start, want.end, got.start, got.end);
		}
	}
	assert_false(vs_tokens_next(t, &got));
	assert_false(vs_tokens_failed(t));
}

/* Pieces of text where the rules are difficult, and stretches that are not. */
static const char *const pieces[] = {
	" ", " ", "a", "b.", "1", ",", ".", "'", "\"", "_", ":", "\n", "\r", "\t", "A1", "x y z",
	"plain words of ASCII, which fill more than sixty-four bytes of the text, 3.5 times",
	"noASCIIwhitespaceinsixtyfourbytesormore,evenifithascommas;andthelike.1234567890",
	"\xC3\xA9", "\xCC\x81", "\xE2\x80\x8D", "\xC2\xAD", "\xE2\x80\x99", "\xE2\x84\xB9", "\xF0\x9F\x91\xA9",
	"\xF0\x9F\x87\xA9", "\xEF\xB8\x8F", "\xE2\x83\xA3", "\xD7\x90", "\xD7\xB4", "\xE6\x97\xA5", "\xE3\x83\x86",
	"\xE3\x81\xAE", "\xED\x95\x9C", "\xE0\xB8\xA0\xE0\xB8\xB2\xE0\xB8\xA9", "\xE0\xA5\x8D", "\xC2\xB7",
	"\xE3\x80\x80", "\xC2\xA0", "\xE2\x80\xAF", "\xEF\xBC\x87", "\xFF", "\x80", "\xE2\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
	"\xCE\x90", "\xE2\x84\xAA", "\xC4\xB0", "\xF0\x9D\x90\x80", "\xF0\x90\x90\x80", "\xEF\xAC\x83", "\xC2\xB2",
};

#define PIECES		((int) (sizeof(pieces) / sizeof(pieces[0])))

/* ASCII by the table, anything in chunks: always the words of ICU alone. */
static void
same_as_icu(void **state)
{
	VsTokenizer *t = create("simple", (VsTokenizerOptions) {0});
	UErrorCode	status = U_ZERO_ERROR;
	const UText initial = UTEXT_INITIALIZER;
	Expected	e = {.utext = initial};

	(void) state;
	e.breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
	assert_true(U_SUCCESS(status));
	for (uint64_t seed = 1; seed <= 3; seed++)
	{
		/* Few letters and all that joins; all of ASCII. */
		static const char dense[] = "aZ1_@.,:;'\"- \n";

		random_state = seed;
		for (int round = 0; round < 20000; round++)
		{
			char		text[200];
			int32_t		length = (int32_t) (random_bits() % (round % 10 == 0 ? sizeof(text) : 16));
			char	   *copy;

			for (int i = 0; i < length; i++)
				text[i] = round % 2 ? dense[random_bits() % (sizeof(dense) - 1)] : (char) (random_bits() % 128);
			copy = exact_copy(text, (size_t) length);
			assert_same_tokens(t, &e, copy, length);
			free(copy);
		}
		for (int round = 0; round < 20000; round++)
		{
			char		text[2048];
			int			n = (int) (random_bits() % 20);
			size_t		length = 0;
			char	   *copy;

			for (int i = 0; i < n; i++)
			{
				/* Every other text has long stretches more often. */
				const char *piece = pieces[random_bits() % (round % 2 ? PIECES : 18)];

				if (round % 2 == 0 && random_bits() % 6 == 0)
					piece = pieces[18 + random_bits() % (PIECES - 18)];
				memcpy(text + length, piece, strlen(piece));
				length += strlen(piece);
			}
			copy = exact_copy(text, length);
			assert_same_tokens(t, &e, copy, (int32_t) length);
			free(copy);
		}
	}
	utext_close(&e.utext);
	ubrk_close(e.breaks);
	vs_tokenizer_free(t);
}

/* Texts of many chunks, with white space at which they can end and without. */
static void
same_as_icu_in_long_texts(void **state)
{
	enum
	{
		N = 300000
	};
	VsTokenizer *t = create("simple", (VsTokenizerOptions) {0});
	UErrorCode	status = U_ZERO_ERROR;
	const UText initial = UTEXT_INITIALIZER;
	Expected	e = {.utext = initial};

	(void) state;
	e.breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
	assert_true(U_SUCCESS(status));
	random_state = 11;
	for (int round = 0; round < 60; round++)
	{
		char	   *text = (char *) malloc(N);
		int32_t		length = 0;
		/* All pieces; no white space of ASCII but, now and then, a long stretch of it; ASCII. */
		int			kind = round % 3;

		assert_non_null(text);
		for (;;)
		{
			int			p = (int) (random_bits() % (kind == 2 ? 18 : PIECES));

			if (kind == 1 && (strpbrk(pieces[p], " \t\r\n") != NULL) && random_bits() % 5000 != 0)
				continue;
			if (length + (int32_t) strlen(pieces[p]) > N)
				break;
			memcpy(text + length, pieces[p], strlen(pieces[p]));
			length += (int32_t) strlen(pieces[p]);
		}
		assert_same_tokens(t, &e, text, length);
		free(text);
	}
	/* A chunk ends at each place of "a.b" in turn, where one looks ahead to see that it is one word. */
	for (int shift = 0; shift < 6; shift++)
	{
		char	   *text = (char *) malloc(N);

		assert_non_null(text);
		for (int i = 0; i < N; i++)
			text[i] = i < shift ? ',' : "\xC3\xA9" "a.b;"[(i - shift) % 6];
		assert_same_tokens(t, &e, text, N - (N - shift) % 6);
		free(text);
	}
	utext_close(&e.utext);
	ubrk_close(e.breaks);
	vs_tokenizer_free(t);
}

/* The text after a text that was not read to its end. */
static void
begin_anew(void **state)
{
	VsTokenizer *t = create("simple", (VsTokenizerOptions) {0});
	VsToken		token;

	(void) state;
	vs_tokens_begin(t, "één twee drie", 15);
	assert_true(vs_tokens_next(t, &token));
	assert_string_equal(describe(t, "vier"), "vier@1[0-4)");
	vs_tokenizer_free(t);
}

/* White space of Unicode; everything else stays. */
static void
whitespace_tokens(void **state)
{
	VsTokenizer *t = create("whitespace", (VsTokenizerOptions) {0});

	(void) state;
	assert_string_equal(describe(t, " AB-12/x,\t(É)\n"), "AB-12/x,@1[1-9) (É)@2[10-14)");
	/* Ideographic space, no-break space, next line; the zero width space is none. */
	assert_string_equal(terms(t, "a\xE3\x80\x80" "b\xC2\xA0" "c\xC2\x85" "d\xE2\x80\x8B" "e"), "a|b|c|d\xE2\x80\x8B" "e");
	assert_string_equal(describe(t, "a\xFF" "b"), "a\xEF\xBF\xBD" "b@1[0-3)");
	assert_string_equal(describe(t, ""), "");
	assert_string_equal(describe(t, " \n "), "");
	vs_tokenizer_free(t);
}

/* Grams: of two and three characters, or of what is asked for. */
static void
ngram_tokens(void **state)
{
	VsTokenizer *t = create("ngram", (VsTokenizerOptions) {0});

	(void) state;
	assert_string_equal(describe(t, "ABcd"), "ab@1[0-2) abc@1[0-3) bc@2[1-3) bcd@2[1-4) cd@3[2-4)");
	assert_string_equal(describe(t, "日本語"), "日本@1[0-6) 日本語@1[0-9) 本語@2[3-9)");
	/* Not across white space, which counts as one position; short runs as they are. */
	assert_string_equal(describe(t, "  a \n bc d"), "a@1[2-3) bc@3[6-8) d@6[9-10)");
	assert_string_equal(terms(t, "ß1"), "ss1");
	assert_string_equal(describe(t, ""), "");
	assert_string_equal(describe(t, " "), "");
	/* Marks stay with their base; joined emoji are one character. */
	assert_string_equal(describe(t, "xe\xCC\x81"), "xe\xCC\x81@1[0-4)");
	assert_string_equal(describe(t, "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9z"),
						"\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9z@1[0-12)");
	assert_string_equal(terms(t, "\xCC\x81" "a"), "\xCC\x81" "a");
	assert_string_equal(terms(t, "a\xFF\xFE"), "a\xEF\xBF\xBD|a\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD");
	vs_tokenizer_free(t);

	t = create("ngram", (VsTokenizerOptions) {.min_gram = 1, .max_gram = 1});
	assert_string_equal(terms(t, "a bc"), "a|b|c");
	vs_tokenizer_free(t);
	t = create("ngram", (VsTokenizerOptions) {.min_gram = 4});
	assert_string_equal(terms(t, "abcde abc"), "abcd|bcde|abc");
	vs_tokenizer_free(t);
	t = create("ngram", (VsTokenizerOptions) {.max_gram = 1});
	assert_string_equal(terms(t, "ab"), "a|b");
	vs_tokenizer_free(t);
	t = create("ngram", (VsTokenizerOptions) {.min_gram = 3, .max_gram = VS_MAX_GRAM});
	assert_string_equal(terms(t, "abcde"), "abc|abcd|abcde|bcd|bcde|cde");
	vs_tokenizer_free(t);
}

/* The options of Lucene's English analysis. */
static VsTokenizerOptions
lucene(void)
{
	VsTokenizerOptions options = {.stemmer = "porter",.stop_words = vs_lucene_stop_words};

	while (options.stop_words[options.nstop_words])
		options.nstop_words++;
	return options;
}

/* Stop words leave a gap, the possessive goes, stems are Snowball's. */
static void
language_tokens(void **state)
{
	static const char *const german[] = {"daß", "Über"};
	VsTokenizer *t = create("language", lucene());

	(void) state;
	assert_int_equal(lucene().nstop_words, 33);
	assert_string_equal(describe(t, "The dog's running in THE skies"), "dog@2[4-9) run@3[10-17) ski@6[25-30)");
	assert_string_equal(terms(t, "Dog’S It's dog＇s s"), "dog|dog|s");
	assert_string_equal(describe(t, "the and of"), "");
	assert_string_equal(describe(t, ""), "");
	vs_tokenizer_free(t);

	t = create("language", (VsTokenizerOptions) {.stemmer = "english"});
	assert_string_equal(terms(t, "the generously skies"), "the|generous|sky");
	vs_tokenizer_free(t);
	t = create("language", (VsTokenizerOptions) {.keep_possessive = true});
	assert_string_equal(terms(t, "Dog's running"), "dog's|running");
	vs_tokenizer_free(t);

	/* Stop words are folded as the text is. */
	t = create("language", (VsTokenizerOptions) {.stemmer = "german",.stop_words = german,.nstop_words = 2});
	assert_string_equal(terms(t, "dass daß über Häusern"), "haus");
	vs_tokenizer_free(t);
}

/* Words of a million bytes, of marks without end, a million stop words. */
static void
long_words(void **state)
{
	enum
	{
		N = 1000000
	};
	static const char *const units[] = {"x", "\xC3\xA9", "\xE6\x97\xA5", "\xCC\x81", "\xE2\x84\xAA", "\xCE\x90", "a.", "a "};
	static const char *const stop[] = {"a"};

	(void) state;
	for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++)
	{
		size_t		unit = strlen(units[u]);
		size_t		length = N / unit * unit;
		char	   *text = (char *) malloc(length);

		assert_non_null(text);
		for (size_t i = 0; i < length; i += unit)
			memcpy(text + i, units[u], unit);
		for (const char *const *name = vs_tokenizer_names(); *name; name++)
		{
			VsTokenizer *t = create(*name, (VsTokenizerOptions) {.stop_words = stop,.nstop_words = 1,.stemmer = "english"});
			VsToken		token;
			int			n = 0;
			int32_t		start = 0;
			int32_t		position = 1;

			vs_tokens_begin(t, text, (int32_t) length);
			while (vs_tokens_next(t, &token))
			{
				UErrorCode	status = U_ZERO_ERROR;
				int32_t		utf16;

				assert_true(token.length >= 1 && token.length <= VS_MAX_TERM_BYTES);
				/* Cut at a character: the term is valid UTF-8. */
				if (n < 1000)
				{
					u_strFromUTF8(NULL, 0, &utf16, token.term, token.length, &status);
					assert_int_equal(status, U_BUFFER_OVERFLOW_ERROR);
				}
				assert_true(token.start >= start && token.end > token.start && token.end <= (int32_t) length);
				assert_true(token.position >= position);
				start = token.start;
				position = token.position;
				n++;
			}
			assert_false(vs_tokens_failed(t));
			/* A word of a million letters in pieces of a chunk; no word of a million stop words. */
			if (u == 0 && strcmp(*name, "ngram") != 0)
			{
				assert_int_equal(n, strcmp(*name, "whitespace") == 0 ? 1 : 16);
				assert_int_equal(token.end, length);
			}
			if (u == 7 && strcmp(*name, "language") == 0)
				assert_int_equal(n, 0);
			if (u == 0 && strcmp(*name, "ngram") == 0)
				assert_int_equal(n, 2 * N - 3);
			vs_tokenizer_free(t);
		}
		free(text);
	}
}

/* Two long words with the same beginning are one term, in full length of it. */
static void
cut_terms(void **state)
{
	VsTokenizer *t = create("simple", (VsTokenizerOptions) {0});
	char		text[1024];
	VsToken		token;

	(void) state;
	/* 254 letters, then two bytes that would be the 255th and the 256th. */
	memset(text, 'Q', 254);
	memcpy(text + 254, "\xC3\x89zz", 5);
	vs_tokens_begin(t, text, 258);
	assert_true(vs_tokens_next(t, &token));
	assert_int_equal(token.length, 254);
	assert_int_equal(token.end, 258);
	memset(text, 'Q', sizeof(text));
	vs_tokens_begin(t, text, sizeof(text));
	assert_true(vs_tokens_next(t, &token));
	assert_int_equal(token.length, VS_MAX_TERM_BYTES);
	/* 765 bytes of Kelvin signs are 255 of k. */
	for (int i = 0; i < 341; i++)
		memcpy(text + 3 * i, "\xE2\x84\xAA", 3);
	vs_tokens_begin(t, text, 1023);
	assert_true(vs_tokens_next(t, &token));
	assert_int_equal(token.length, VS_MAX_TERM_BYTES);
	assert_int_equal(token.term[254], 'k');
	vs_tokenizer_free(t);
}

/* Any bytes, for every tokenizer: offsets within the text, terms in bounds. */
static void
random_bytes(void **state)
{
	(void) state;
	for (const char *const *name = vs_tokenizer_names(); *name; name++)
	{
		VsTokenizer *t = create(*name, (VsTokenizerOptions) {.stemmer = "english"});

		random_state = 7;
		for (int round = 0; round < 5000; round++)
		{
			char		text[300];
			int32_t		length = (int32_t) (random_bits() % sizeof(text));
			char	   *copy;
			VsToken		token;
			int32_t		start = 0;

			for (int i = 0; i < length; i++)
				text[i] = (char) (round % 2 ? random_bits() : random_bits() % 2 ? 'a' : random_bits() | 0x80);
			copy = exact_copy(text, (size_t) length);
			vs_tokens_begin(t, copy, length);
			while (vs_tokens_next(t, &token))
			{
				assert_true(token.length >= 1 && token.length <= VS_MAX_TERM_BYTES);
				assert_true(token.start >= start && token.end > token.start && token.end <= length);
				start = token.start;
			}
			assert_false(vs_tokens_failed(t));
			free(copy);
		}
		vs_tokenizer_free(t);
	}
}

/* What there is not. */
static void
wrong_options(void **state)
{
	static const struct
	{
		const char *name;
		VsTokenizerOptions options;
		VsTokenizerStatus status;
	}			cases[] = {
		{"nonsense", {0}, VS_TOKENIZER_UNKNOWN},
		{"", {0}, VS_TOKENIZER_UNKNOWN},
		{"Simple", {0}, VS_TOKENIZER_UNKNOWN},
		{"language", {.stemmer = "klingon"}, VS_TOKENIZER_NO_STEMMER},
		{"language", {.stemmer = "en"}, VS_TOKENIZER_NO_STEMMER},
		{"ngram", {.min_gram = 3,.max_gram = 2}, VS_TOKENIZER_WRONG_GRAMS},
		{"ngram", {.min_gram = -1}, VS_TOKENIZER_WRONG_GRAMS},
		{"ngram", {.max_gram = -1}, VS_TOKENIZER_WRONG_GRAMS},
		{"ngram", {.max_gram = VS_MAX_GRAM + 1}, VS_TOKENIZER_WRONG_GRAMS},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		VsTokenizer *t;

		assert_int_equal(vs_tokenizer_create(cases[i].name, &cases[i].options, &t), cases[i].status);
		assert_null(t);
	}
}

/* Every stemmer works, and the version tells options apart. */
static void
stemmers_and_versions(void **state)
{
	static const char *const stop[] = {"a"};
	char		none[VS_TOKENIZER_VERSION_BYTES];
	char		other[VS_TOKENIZER_VERSION_BYTES];
	VsTokenizer *t = create("language", (VsTokenizerOptions) {0});
	int			n = 0;

	(void) state;
	vs_tokenizer_version(t, none);
	vs_tokenizer_free(t);
	assert_memory_equal(none, "ICU ", 4);
	assert_non_null(strstr(none, ", Unicode "));
	assert_true(strlen(none) + 8 < VS_TOKENIZER_VERSION_BYTES);
	for (const char *const *name = vs_stemmer_names(); *name; name++)
	{
		t = create("language", (VsTokenizerOptions) {.stemmer = *name});
		assert_string_not_equal(terms(t, "wordlessness читателями"), "");
		vs_tokenizer_version(t, other);
		if (strcmp(none, other) == 0)
			fail_msg("no sample for stemmer %s", *name);
		vs_tokenizer_free(t);
		n++;
	}
	assert_true(n >= 20);
	t = create("language", (VsTokenizerOptions) {.stop_words = stop,.nstop_words = 1});
	vs_tokenizer_version(t, other);
	assert_string_not_equal(none, other);
	vs_tokenizer_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(simple_tokens),
		cmocka_unit_test(simple_scripts),
		cmocka_unit_test(same_as_icu),
		cmocka_unit_test(same_as_icu_in_long_texts),
		cmocka_unit_test(begin_anew),
		cmocka_unit_test(whitespace_tokens),
		cmocka_unit_test(ngram_tokens),
		cmocka_unit_test(language_tokens),
		cmocka_unit_test(long_words),
		cmocka_unit_test(cut_terms),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(wrong_options),
		cmocka_unit_test(stemmers_and_versions),
	};

	return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
