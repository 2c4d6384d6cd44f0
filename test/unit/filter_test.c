/*
 * filter_test.c
 *		The filter language: trees, errors and where they are, hostile input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "filter_print.h"

/* A text and the tree it must give. */
static void
is_tree(const char *text, const char *tree)
{
	VsFilterError error;
	char	   *printed = filter_string(text, strlen(text), &error);

	if (error.kind != VS_FILTER_OK)
		fail_msg("%s: error %d at %zu", text, error.kind, error.position);
	assert_string_equal(printed, tree);
	free(printed);
}

/* A text that is no filter: what is wrong, where, and with which word. */
static void
is_error(const char *text, VsFilterErrorKind kind, size_t position, size_t length)
{
	VsFilterError error;
	char	   *printed = filter_string(text, strlen(text), &error);

	if (error.kind != kind || error.position != position || error.length != length)
		fail_msg("%s: error %d at %zu, length %zu", text, error.kind, error.position, error.length);
	assert_string_equal(printed, "");
	free(printed);
}

/* so many times the same string, to be freed */
static char *
repeated(const char *part, int times)
{
	size_t		len = strlen(part);
	char	   *text = (char *) malloc(len * (size_t) times + 1);

	for (int i = 0; i < times; i++)
		memcpy(text + len * (size_t) i, part, len);
	text[len * (size_t) times] = '\0';
	return text;
}

static void
comparisons(void **state)
{
	(void) state;
	is_tree("a = 1", "(= a 1)");
	is_tree("a != 1", "(not (= a 1))");
	is_tree("a<>1", "(not (= a 1))");
	is_tree("a<1", "(< a 1)");
	is_tree("a<=1", "(<= a 1)");
	is_tree("a>1", "(> a 1)");
	is_tree("a>=1", "(>= a 1)");
	is_tree("a IN (1, 'x', TRUE, $p)", "(in a [1 'x' true $p])");
	is_tree("a not in (1)", "(not (in a [1]))");
	is_tree("a IN $list", "(in a $list)");
	is_tree("a NOT IN $list", "(not (in a $list))");
	is_tree("a CONTAINS 'x'", "(contains a 'x')");
	is_tree("a contains [1, 2]", "(contains a [1 2])");
	is_tree("a contains []", "(contains a [])");
	is_tree("a contains $1", "(contains a $1)");
	is_tree("a IS NULL", "(null a)");
	is_tree("a Is Not Null", "(not (null a))");
	is_tree("a = null", "(= a null)");
}

static void
names(void **state)
{
	(void) state;
	is_tree("a.b.c = 1", "(= a.b.c 1)");
	is_tree("a . B\n.\t_c9 = 1", "(= a.B._c9 1)");
	is_tree("\"a b\".\"c\"\"d\".\"\" = 1", "(= \"a b\".\"c\"d\".\"\" 1)");
	is_tree("\"and\" = 1 and \"Or\" = 2", "(and (= \"and\" 1) (= \"Or\" 2))");
	is_tree("pr\xc3\xa9" "cio = 1", "(= pr\xc3\xa9" "cio 1)");
	/* only before a string is this a keyword */
	is_tree("timestamp > timestamp'x' and timestamp = 1",
			"(and (> timestamp timestamp'x') (= timestamp 1))");
	is_tree("android = 1 or oracle = 2", "(or (= android 1) (= oracle 2))");
}

static void
values(void **state)
{
	(void) state;
	is_tree("a=0 or a=-1 or a=10.50 or a=1e5 or a=-0.1E-3 or a=2E+2",
			"(or (= a 0) (= a -1) (= a 10.50) (= a 1e5) (= a -0.1E-3) (= a 2E+2))");
	is_tree("a = ''", "(= a '')");
	is_tree("a = 'it''s'", "(= a 'it's')");
	is_tree("a = ''''''", "(= a '''')");
	is_tree("a = 'x\\'", "(= a 'x\\')");
	is_tree("a = 'x\ny -- \"z\" /* $p */'", "(= a 'x\ny -- \"z\" /* $p */')");
	is_tree("a = TRUE or a = False", "(or (= a true) (= a false))");
	is_tree("a = TimeStamp  '2024-01-01'", "(= a timestamp'2024-01-01')");
	is_tree("a = $max_price", "(= a $max_price)");
}

static void
precedence(void **state)
{
	(void) state;
	is_tree("a=1 or b=2 and c=3", "(or (= a 1) (and (= b 2) (= c 3)))");
	is_tree("a=1 and b=2 or c=3", "(or (and (= a 1) (= b 2)) (= c 3))");
	is_tree("(a=1 or b=2) and c=3", "(and (or (= a 1) (= b 2)) (= c 3))");
	is_tree("not a=1 and b=2", "(and (not (= a 1)) (= b 2))");
	is_tree("not (a=1 and b=2)", "(not (and (= a 1) (= b 2)))");
	is_tree("not not a=1", "(not (not (= a 1)))");
	is_tree("not a not in (1) or b=1", "(or (not (not (in a [1]))) (= b 1))");
	is_tree("a=1 and b=2 and c=3 and d=4", "(and (= a 1) (= b 2) (= c 3) (= d 4))");
	is_tree("a=1 and (b=2 and c=3)", "(and (= a 1) (and (= b 2) (= c 3)))");
	is_tree("((((a=1))))", "(= a 1)");
}

static void
errors(void **state)
{
	(void) state;
	is_error("", VS_FILTER_SYNTAX, 0, 0);
	is_error("  \n", VS_FILTER_SYNTAX, 3, 0);
	is_error("a", VS_FILTER_SYNTAX, 1, 0);
	is_error("a = ", VS_FILTER_SYNTAX, 4, 0);
	is_error("a < < 10", VS_FILTER_SYNTAX, 4, 1);
	is_error("a == 1", VS_FILTER_SYNTAX, 3, 1);
	is_error("a = 1 b = 2", VS_FILTER_SYNTAX, 6, 1);
	is_error("a = 1;", VS_FILTER_SYNTAX, 5, 1);
	is_error("a = 1 -- x", VS_FILTER_SYNTAX, 6, 1);
	is_error("a = 1 /* x */", VS_FILTER_SYNTAX, 6, 1);
	is_error("(a = 1", VS_FILTER_SYNTAX, 6, 0);
	is_error("a = 1)", VS_FILTER_SYNTAX, 5, 1);
	is_error("a IN ()", VS_FILTER_SYNTAX, 6, 1);
	is_error("a IN (1,)", VS_FILTER_SYNTAX, 8, 1);
	is_error("a IN 1", VS_FILTER_SYNTAX, 5, 1);
	is_error("a = [1]", VS_FILTER_SYNTAX, 4, 1);
	is_error("a contains [[1]]", VS_FILTER_SYNTAX, 12, 1);
	is_error("1 = a", VS_FILTER_SYNTAX, 0, 1);
	is_error("a = b", VS_FILTER_SYNTAX, 4, 1);
	is_error("a. = 1", VS_FILTER_SYNTAX, 3, 1);
	is_error("a.5 = 1", VS_FILTER_SYNTAX, 2, 1);
	is_error("and = 1", VS_FILTER_SYNTAX, 0, 3);
	is_error("a is 1", VS_FILTER_SYNTAX, 5, 1);
	is_error("a = 'x' 'y'", VS_FILTER_SYNTAX, 8, 3);
	is_error("a = $", VS_FILTER_SYNTAX, 4, 1);
	is_error("a = $x$y$x$", VS_FILTER_SYNTAX, 6, 2);
	is_error("a = E'x'", VS_FILTER_SYNTAX, 4, 1);
	is_error("\xc3\xa9 = \xc3\xa9", VS_FILTER_SYNTAX, 5, 2);
	/* numbers as in JSON only, and the whole word is at fault */
	is_error("a = 007", VS_FILTER_SYNTAX, 4, 3);
	is_error("a = +1", VS_FILTER_SYNTAX, 4, 1);
	is_error("a = .5", VS_FILTER_SYNTAX, 4, 1);
	is_error("a = 5.", VS_FILTER_SYNTAX, 4, 2);
	is_error("a = 1.2.3", VS_FILTER_SYNTAX, 4, 5);
	is_error("a = 0x1F", VS_FILTER_SYNTAX, 4, 4);
	is_error("a = 10and b = 1", VS_FILTER_SYNTAX, 4, 5);
	is_error("a = 1 and b = 'x", VS_FILTER_OPEN_TEXT, 14, 2);
	is_error("a = 'it''", VS_FILTER_OPEN_TEXT, 4, 5);
	is_error("a = timestamp 'x", VS_FILTER_SYNTAX, 4, 9);
	is_error("\"a = 1", VS_FILTER_OPEN_NAME, 0, 6);
}

/* A zero byte is an error wherever it stands. */
static void
zero_bytes(void **state)
{
	static const char text[] = "a = 'x\0y'";
	VsFilterError error;

	(void) state;
	free(filter_string(text, sizeof(text) - 1, &error));
	assert_int_equal(error.kind, VS_FILTER_SYNTAX);
	assert_int_equal(error.position, 6);
	assert_int_equal(error.length, 1);
}

/* before, inside and after: so many times around a = 1 */
static void
nest(const char *open, const char *close, int times, bool allowed)
{
	char	   *before = repeated(open, times);
	char	   *after = repeated(close, times);
	char	   *text = (char *) malloc(strlen(before) + strlen(after) + 6);
	VsFilterError error;

	sprintf(text, "%sa = 1%s", before, after);
	free(filter_string(text, strlen(text), &error));
	assert_int_equal(error.kind, allowed ? VS_FILTER_OK : VS_FILTER_TOO_DEEP);
	if (!allowed)
		assert_true(error.position <= strlen(before));
	free(text);
	free(after);
	free(before);
}

static void
depth(void **state)
{
	char	   *row = repeated("(a = 1) or not b.c = 2 or ", 1000);
	char	   *text = (char *) malloc(strlen(row) + 20);
	VsFilterError error;

	(void) state;
	nest("(", ")", VS_FILTER_MAX_DEPTH, true);
	nest("(", ")", VS_FILTER_MAX_DEPTH + 1, false);
	nest("(", ")", 100000, false);
	nest("not ", "", VS_FILTER_MAX_DEPTH, true);
	nest("not ", "", VS_FILTER_MAX_DEPTH + 1, false);
	nest("not ", "", 100000, false);
	nest("not (", ")", VS_FILTER_MAX_DEPTH / 2, true);
	nest("b = 1 and (c = 1 or (", "))", VS_FILTER_MAX_DEPTH / 2, true);
	nest("b = 1 and (c = 1 or (", "))", VS_FILTER_MAX_DEPTH / 2 + 1, false);
	nest("a.", "", VS_FILTER_MAX_DEPTH - 1, true);
	nest("a.", "", VS_FILTER_MAX_DEPTH, false);
	nest("a.", "", 100000, false);

	/* what is closed again does not count */
	sprintf(text, "%sz = 1", row);
	free(filter_string(text, strlen(text), &error));
	assert_int_equal(error.kind, VS_FILTER_OK);
	free(text);
	free(row);
}

/* The longest filters, in memory that grows with their length only. */
static void
length(void **state)
{
	static const char *const parts[] = {"a=1 or ", "a=1 and b=1 or ", "a IN (1,1,1,1,1,1,1,1) or "};

	(void) state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
	{
		int			times = (int) ((VS_FILTER_MAX_BYTES - 3) / strlen(parts[i]));
		char	   *row = repeated(parts[i], times);
		char	   *text = (char *) malloc(strlen(row) + 4);
		TreeMemory	memory = {NULL, 0};
		VsFilterMemory source = {tree_alloc, &memory};
		VsFilterError error;

		sprintf(text, "%sa=1", row);
		assert_non_null(vs_filter_parse(text, strlen(text), &source, &error));
		assert_true(memory.bytes < 100u * VS_FILTER_MAX_BYTES);
		tree_free(&memory);
		free(text);
		free(row);
	}

	for (int over = 0; over <= 1; over++)
	{
		size_t		len = VS_FILTER_MAX_BYTES + (size_t) over;
		char	   *text = (char *) malloc(len);
		VsFilterError error;

		memset(text, ' ', len);
		memcpy(text, "a='", 3);
		text[len - 1] = '\'';
		free(filter_string(text, len, &error));
		assert_int_equal(error.kind, over ? VS_FILTER_TOO_LONG : VS_FILTER_OK);
		free(text);
	}
}

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

/* Random words and random bytes: a tree or an error, as filter_string() wants it. */
static void
random_filters(void **state)
{
	static const char *const words[] = {
		"a", " b", ".", "\"c\"", "\"", " = ", " != ", "<", ">=", " and ", " or ", " not ", " in ", "(", ")",
		",", "1", "-2.5", "1e", "'x'", "'", "$p", "$", "[", "]", " contains ", " is ", " null ", " true ",
		" timestamp ", "\n", "\xc3", ";", "--", "\\", "a=1", " and b<2", "(a IN (1,2))"
	};
	const int	count = (int) (sizeof(words) / sizeof(words[0]));
	int			good = 0;

	(void) state;
	for (uint64_t seed = 1; seed <= 5; seed++)
	{
		random_state = seed;
		for (int round = 0; round < 1000; round++)
		{
			char		text[512];
			size_t		len = 0;
			int			parts = (int) (random_bits() % 12);
			VsFilterError error;

			for (int i = 0; i < parts; i++)
			{
				if (round % 10 == 9)
					text[len++] = (char) random_bits();
				else
				{
					const char *word = words[random_bits() % (uint32_t) count];

					memcpy(text + len, word, strlen(word));
					len += strlen(word);
				}
			}
			free(filter_string(text, len, &error));
			good += error.kind == VS_FILTER_OK;
		}
	}
	assert_true(good > 20);
}

/* longjmp out of alloc(), as an ereport in the server does: nothing may leak. */
static jmp_buf out_of_memory;
static int	blocks_left;

static void *
failing_alloc(void *context, size_t bytes)
{
	if (blocks_left-- == 0)
		longjmp(out_of_memory, 1);
	return tree_alloc(context, bytes);
}

static void
no_memory(void **state)
{
	static const char text[] = "a.b = 'x' and not (c in (1, $p) or d contains [1, 2])";
	static volatile int failures;
	static TreeMemory memory;
	volatile bool done = false;

	(void) state;
	failures = 0;
	for (volatile int blocks = 0; !done; blocks++)
	{
		VsFilterMemory source = {failing_alloc, &memory};
		VsFilterError error;

		blocks_left = blocks;
		if (setjmp(out_of_memory) == 0)
			done = vs_filter_parse(text, sizeof(text) - 1, &source, &error) != NULL;
		else
			failures++;
		tree_free(&memory);
	}
	assert_true(failures > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparisons),
		cmocka_unit_test(names),
		cmocka_unit_test(values),
		cmocka_unit_test(precedence),
		cmocka_unit_test(errors),
		cmocka_unit_test(zero_bytes),
		cmocka_unit_test(depth),
		cmocka_unit_test(length),
		cmocka_unit_test(random_filters),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests_name("filter language", tests, NULL, NULL);
}
