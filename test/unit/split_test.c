/*
 * split_test.c
 *		Texts in chunks: what each method keeps whole; what must hold for any
 *		text, tried on random ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "split_check.h"

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

static VsSplit *split;

static int
setup(void **state)
{
	(void) state;
	split = vs_split_create();
	return split ? 0 : 1;
}

static int
teardown(void **state)
{
	(void) state;
	vs_split_free(split);
	return 0;
}

/* All chunks of a text, with a bar between; what must hold, holds. */
static const char *
chunks(VsSplitMethod method, int32_t size, int32_t overlap, const char *text)
{
	static char out[8192];
	VsSplitOptions options = {.method = method,.chunk_size = size,.overlap = overlap};
	int32_t		length = (int32_t) strlen(text);
	char	   *at = out;
	VsChunk		chunk;
	VsSplitStatus status;

	assert_null(check_split(split, &options, text, length));
	*at = '\0';
	vs_split_begin(split, &options, text, length);
	while ((status = vs_split_next(split, &chunk)) != VS_SPLIT_END)
	{
		assert_int_not_equal(status, VS_SPLIT_FAILED);
		if (status == VS_SPLIT_CHUNK)
			at += sprintf(at, "%s%.*s", at > out ? "|" : "", chunk.end - chunk.start, text + chunk.start);
	}
	/* The end stays the end. */
	assert_int_equal(vs_split_next(split, &chunk), VS_SPLIT_END);
	vs_split_finish(split);
	return out;
}

/* The largest unit that fits. */
static void
recursive_units(void **state)
{
	static const char *const text = "One one. Two two.\nThree, three.\n\nFour four four.\n \nFive.";

	(void) state;
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 100, 0, text), text);
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 31, 0, text),
						"One one. Two two.\nThree, three.|Four four four.\n \nFive.");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 30, 0, text),
						"One one. Two two.|Three, three.\n\nFour four four.|Five.");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 15, 0, text),
						"One one.|Two two.|Three, three.|Four four four.|Five.");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 9, 0, text),
						"One one.|Two two.|Three,|three.|Four four|four.|Five.");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 4, 0, "extraordinary"), "extr|aord|inar|y");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, ""), "");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, " \n\t "), "");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 1, 0, "  a b "), "a|b");
	/* CR LF, and what ends a page. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 8, 0, "ab\r\ncd\r\n\r\nef"), "ab\r\ncd|ef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 8, 0, "ab\ncd\fef gh"), "ab\ncd|ef gh");
	/* White space within does count. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab     cd"), "ab|cd");
}

/* Overlap: no more than asked for, by sentences, else words; what fits comes first. */
static void
overlaps(void **state)
{
	(void) state;
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 20, 8, "aa bb cc dd ee ff gg hh ii"), "aa bb cc dd ee ff gg|ff gg hh ii");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 11, 6, "aa bb cc dd ee ff gg hh ii"), "aa bb cc dd|cc dd ee ff|ff gg hh ii");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 11, 5, "aa bb cc dd ee ff gg hh ii"), "aa bb cc dd|dd ee ff gg|gg hh ii");
	assert_string_equal(chunks(VS_SPLIT_SENTENCE, 18, 14, "Aa bb. Cc dd. Ee ff. Gg hh. Ii jj. Kk ll."),
						"Aa bb. Cc dd.|Cc dd. Ee ff.|Ee ff. Gg hh.|hh. Ii jj. Kk ll.");
	/* A paragraph that fits is not cut for it, nor the rest of the text. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 11, 8, "aa bb.\n\ncc dd ee ff"), "aa bb.|cc dd ee ff");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 4, 3, "abcdefghi"), "abcd|bcde|fghi");
}

/* Sentences, and words where one is too long. */
static void
sentences(void **state)
{
	(void) state;
	assert_string_equal(chunks(VS_SPLIT_SENTENCE, 30, 0, "Mr. Fox (3.5 kg) ran. \"Stop!\" he said. No?"),
						"Mr. Fox (3.5 kg) ran. \"Stop!\"|he said. No?");
	assert_string_equal(chunks(VS_SPLIT_SENTENCE, 12, 0, "A long sentence is here. Yes."), "A long|sentence is|here. Yes.");
	assert_string_equal(chunks(VS_SPLIT_SENTENCE, 12, 0, "これは文です。次の文も。終わり。"), "これは文です。次の文も。|終わり。");
	assert_string_equal(chunks(VS_SPLIT_SENTENCE, 8, 0, "これは「日本語」のテキスト"), "これは「日本語」|のテキスト");
}

/* Words are counted, and what stands between them belongs to one of them. */
static void
tokens(void **state)
{
	(void) state;
	assert_string_equal(chunks(VS_SPLIT_TOKEN, 2, 0, "One, two (three) four -- five!"), "One, two|(three) four --|five!");
	assert_string_equal(chunks(VS_SPLIT_TOKEN, 3, 1, "a b c d e f g"), "a b c|c d e|e f g");
	assert_string_equal(chunks(VS_SPLIT_TOKEN, 3, 2, "a b c d e"), "a b c|b c d|c d e");
	assert_string_equal(chunks(VS_SPLIT_TOKEN, 1, 0, "... it's 3.5 GHz"), "... it's|3.5|GHz");
	assert_string_equal(chunks(VS_SPLIT_TOKEN, 5, 0, "?! ... !?"), "?! ... !?");
	assert_string_equal(chunks(VS_SPLIT_TOKEN, 2, 0, "ภาษาไทย日本語のテキスト"), "ภาษาไทย|日本語の|テキスト");
}

/* No cut within what is one character to a reader. */
static void
clusters(void **state)
{
	(void) state;
	/* e + acute, a family, two flags, a Hangul syllable in letters */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 2, 0, "e\xCC\x81" "e\xCC\x81" "ab"), "e\xCC\x81|e\xCC\x81|ab");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7"),
						"ab|\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 3, 0, "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7"),
						"\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA|\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 4, 0, "x\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB" "y"), "x\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB|y");
	/* One alone is larger than the chunk. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 2, 1, "e\xCC\x81\xCC\x81\xCC\x81z"), "e\xCC\x81|\xCC\x81\xCC\x81|z");
	/* A mark on white space. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 2, 0, "a \xCC\x81" "b"), "a| \xCC\x81|b");
}

/* Sections, lists, tables and code. */
static void
markdown(void **state)
{
	(void) state;
	/* A heading stays with what follows it, and begins a chunk. */
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 20, 5, "# A\n\naa aa.\n\n## B\nbb bb.\n\n# C\n\ncc."),
						"# A\n\naa aa.|## B\nbb bb.|# C\n\ncc.");
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 12, 0, "# Head line\n\nText is here. More."), "# Head line|Text is|here. More.");
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 20, 0, "aa aa aa.\n\nHead\n----\nbb. bb bb."), "aa aa aa.|Head\n----\nbb. bb bb.");
	/* Not a heading. */
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 9, 0, "aa.\n#bb\ncc"), "aa.\n#bb|cc");
	/* A code block is not cut, also not for its heading; one too large is, at lines. */
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 23, 9, "Look at this:\n```c\n# no\n\nf(a, b);\n```\nDone."),
						"Look at this:|```c\n# no\n\nf(a, b);\n```|Done.");
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 21, 0, "# My code\n\n~~~\na b c\n\nd\n```\n~~~"), "# My code|~~~\na b c\n\nd\n```\n~~~");
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 12, 0, "```\naa aa\nbb bb\ncc\n```\nEnd."), "```\naa aa|bb bb\ncc\n```|End.");
	/* Items stay whole, with their indentation, and with what leads up to them. */
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 23, 0, "Buy:\n- milk and\n  cream\n- tea\n  - green\n  - black\n- figs"),
						"Buy:\n- milk and\n  cream|- tea\n  - green|  - black\n- figs");
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 14, 0, "1. one\n\n   more\n\n2. two more\n\nEnd"), "1. one|   more|2. two more|End");
	/* The head of a table stays whole. */
	assert_string_equal(chunks(VS_SPLIT_MARKDOWN, 20, 0, "Text:\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n"),
						"Text:|| a | b |\n|---|---||| 1 | 2 |\n| 3 | 4 |");
}

/* Characters that end a line, and such as look like them. */
static void
newlines(void **state)
{
	(void) state;
	/* A line is a larger unit than a word, a paragraph than a line. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\rcd ef"), "ab|cd ef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 6, 0, "ab\r\ncd ef"), "ab|cd ef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\vcd ef"), "ab|cd ef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\xC2\x85" "cd ef"), "ab|cd ef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\xE2\x80\xA8" "cd ef"), "ab|cd ef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\xE2\x80\xA9" "cd\nef"), "ab|cd\nef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\fcd\nef"), "ab|cd\nef");
	/* At the end of a text. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab cd\r"), "ab cd");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab cd\xC2\x85"), "ab cd");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab cd\xE2\x80\xA8"), "ab cd");
	/* No newlines. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\xC2\xA9" "d ef"), "ab\xC2\xA9" "d|ef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\xE2\x80\xA6" "d ef"), "ab\xE2\x80\xA6" "d|ef");
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 5, 0, "ab\xE2\x82\xAC" "d ef"), "ab\xE2\x82\xAC" "d|ef");
	/* Hangul syllables with and without a last consonant are clusters. */
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 2, 0, "\xEA\xB0\x80\xEA\xB0\x81\xEA\xB0\x80"), "\xEA\xB0\x80\xEA\xB0\x81|\xEA\xB0\x80");
}

/* Is a chunk cut before a line that follows another, or behind it? */
static bool
begins_chunk(const char *line)
{
	char		text[64];
	char		before[64];
	char		behind[64];
	const char *got;

	sprintf(text, "aa\n%s\nb", line);
	sprintf(before, "aa|%s\nb", line);
	sprintf(behind, "aa\n%s|b", line);
	got = chunks(VS_SPLIT_MARKDOWN, 3 + (int32_t) strlen(line), 0, text);
	assert_true(strcmp(got, before) == 0 || strcmp(got, behind) == 0);
	return strcmp(got, before) == 0;
}

/* Is a chunk cut behind a line, not behind the one that follows? */
static bool
ends_chunk(const char *line)
{
	char		text[64];
	char		behind[64];

	sprintf(text, "aa\n\n%s\nb\nc", line);
	sprintf(behind, "aa\n\n%.*s|b\nc", (int) strcspn(line, "\t"), line);
	return strcmp(chunks(VS_SPLIT_MARKDOWN, 6 + (int32_t) strlen(line), 0, text), behind) == 0;
}

/* Lines that begin something by the rules of CommonMark, and such as look like them. */
static void
markdown_lines(void **state)
{
	static const char *const beginning[] = {
		"# c", "###### c", "   # c", "#\tc", "##", "- c", "+ c", "* c", "1. c", "123456789) c", "+",
		"- - -c", "~~~ c"
	};
	static const char *const others[] = {
		"####### c", "    # c", "#c", "c # c", "-c", "+c", "1234567890. c", "1c", "12", "1.c",
		"~~", "``` c`c", "|", "|c", "=c"
	};
	static const char *const rules[] = {"***", "_ _ _", "  ---", "- - -", "*****\t"};
	static const char *const no_rules[] = {"**", "_ _", "--- c", "***c", "-_-"};

	(void) state;
	for (size_t i = 0; i < sizeof(beginning) / sizeof(beginning[0]); i++)
		if (!begins_chunk(beginning[i]))
			fail_msg("\"%s\" begins nothing", beginning[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (begins_chunk(others[i]))
			fail_msg("\"%s\" begins something", others[i]);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!ends_chunk(rules[i]) || ends_chunk(no_rules[i]))
			fail_msg("\"%s\" is no rule, or \"%s\" is one", rules[i], no_rules[i]);
}

/* Pieces of text of all kinds. */
static const char *const pieces[] = {
	"a", "word ", "Two words. ", ".", " ", "\n", "\n\n", "\r\n", "\t", "  ", "# H\n", "## H2\n\n", "---\n", "===\n",
	"```\n", "~~~~\n", "- item\n", "  - sub\n", "1. one\n", "| a | b |\n", "|---|\n", "> q\n", "(", "\"", "\xE2\x80\x9C",
	"\xCC\x81", "e\xCC\x81", "\xE2\x80\x8D", "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9", "\xF0\x9F\x87\xA9", "\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD",
	"\xE6\x97\xA5\xE6\x9C\xAC", "\xE3\x80\x82", "\xE3\x80\x8C", "\xE0\xB8\xA0\xE0\xB8\xB2\xE0\xB8\xA9\xE0\xB8\xB2",
	"\xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\xB7", "\xD8\x80", "\xE1\x84\x92", "\xE1\x85\xA1", "\xED\x95\x9C\xEA\xB5\xAD", "\xC2\x85",
	"\xE2\x80\xA8", "\xE2\x80\xA9", "\f", "\xC2\xA0", "\xE2\x80\x8B", "3.5", "?! ", "_", "\x01"
};

/* What must hold, for random texts in every way. */
static void
random_texts(void **state)
{
	static char text[1 << 18];

	(void) state;
	for (int seed = 1; seed <= 600; seed++)
	{
		VsSplitOptions options;
		/* Some are longer than what is read at once. */
		uint32_t	limit = seed % 100 == 0 ? 100000 : seed % 10 == 0 ? 5000 : 200;
		int32_t		length = 0;
		uint32_t	kinds;

		random_state = (uint64_t) seed;
		kinds = 1 + random_bits() % (uint32_t) (sizeof(pieces) / sizeof(pieces[0]));
		for (uint32_t n = random_bits() % limit; n > 0 && length < (int32_t) sizeof(text) - 100; n--)
			length += sprintf(text + length, "%s", pieces[(random_bits() % kinds + (uint32_t) seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
		options.method = (VsSplitMethod) (random_bits() & 3);
		options.bytes = (random_bits() & 7) == 0;
		options.chunk_size = 1 + (int32_t) (random_bits() % (seed & 1 ? 20 : 2000));
		options.overlap = (int32_t) (random_bits() % (uint32_t) options.chunk_size);
		if (limit > 200)
			options.overlap /= 4;
		if (check_split(split, &options, text, length))
			fail_msg("seed %d: %s", seed, check_split(split, &options, text, length));
	}
}

/* One character, one kind of it, a hundred thousand times: no time to lose. */
static void
long_runs(void **state)
{
	static const char *const runs[] = {"a", " ", "\n", "\xCC\x81", "\xE6\x97\xA5", "\xE0\xB8\xA0", ".", "```\n", "#\n", "- \n", "\xF0\x9F\x87\xA9", "a|\n", "a b. "};
	char	   *text = malloc(600000);

	(void) state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
	{
		int32_t		length = 0;

		for (int n = 0; n < 100000; n++)
			length += sprintf(text + length, "%s", runs[i]);
		for (int method = VS_SPLIT_RECURSIVE; method <= VS_SPLIT_MARKDOWN; method++)
		{
			VsSplitOptions options = {.method = (VsSplitMethod) method,.chunk_size = 1000,.overlap = 100};

			assert_null(check_split(split, &options, text, length));
			options.chunk_size = INT32_MAX;
			assert_null(check_split(split, &options, text, length));
		}
	}
	free(text);
}

/* A text that is given up in the middle, and the next one. */
static void
given_up(void **state)
{
	VsSplitOptions options = {.method = VS_SPLIT_RECURSIVE,.chunk_size = 3};
	VsChunk		chunk;

	(void) state;
	vs_split_begin(split, &options, "\xE6\x97\xA5 aaa bbb ccc", 15);
	while (vs_split_next(split, &chunk) != VS_SPLIT_CHUNK)
		;
	assert_string_equal(chunks(VS_SPLIT_RECURSIVE, 3, 0, "ddd eee"), "ddd|eee");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recursive_units),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(sentences),
		cmocka_unit_test(tokens),
		cmocka_unit_test(clusters),
		cmocka_unit_test(newlines),
		cmocka_unit_test(markdown),
		cmocka_unit_test(markdown_lines),
		cmocka_unit_test(random_texts),
		cmocka_unit_test(long_runs),
		cmocka_unit_test(given_up),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
