/*
 * match_test.c
 *		What a document must have: trees, errors and where they are, answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "match_print.h"

/* A text and the tree it must give. */
static void
is_tree(const char *text, const char *tree)
{
	VsMatchError error;
	char	   *printed = match_string(text, strlen(text), &error);

	if (error.kind != VS_MATCH_OK)
		fail_msg("%s: error %d at %zu", text, error.kind, error.position);
	assert_string_equal(printed, tree);
	free(printed);
}

/* A text that is no query: what is wrong, where, and with which word. */
static void
is_error(const char *text, size_t len, VsMatchErrorKind kind, size_t position, size_t length)
{
	VsMatchError error;
	char	   *printed = match_string(text, len, &error);

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
	char	   *text = malloc(len * (size_t) times + 1);

	for (int i = 0; i < times; i++)
		memcpy(text + len * (size_t) i, part, len);
	text[len * (size_t) times] = '\0';
	return text;
}

static void
trees(void **state)
{
	(void) state;
	is_tree("solar", "<solar>");
	is_tree("solar & wind", "(and <solar> <wind>)");
	is_tree("solar wind", "(and <solar> <wind>)");
	is_tree("solar AND wind power", "(and <solar> <wind> <power>)");
	is_tree("a | b OR c", "(or <a> <b> <c>)");
	is_tree("a b | c d", "(or (and <a> <b>) (and <c> <d>))");
	is_tree("a (b | c) d", "(and <a> (or <b> <c>) <d>)");
	is_tree("a|b&c", "(or <a> (and <b> <c>))");
	is_tree("!a", "(not <a>)");
	is_tree("NOT a b", "(and (not <a>) <b>)");
	is_tree("a -b", "(and <a> (not <b>))");
	is_tree("-(a | b)", "(not (or <a> <b>))");
	is_tree("!-!a", "(not (not (not <a>)))");
	is_tree("((a b) (c))", "(and <a> <b> <c>)");
	is_tree("", "");
	is_tree(" \t\n\r\f\v", "");
}

static void
words(void **state)
{
	(void) state;
	is_tree("sol*", "<sol>*");
	is_tree("*", "<>*");
	is_tree("so*l **", "(and <so*l> <*>*)");
	is_tree("\"thin film\"", "<thin film>");
	is_tree("\"thin fil\"*solar", "(and <thin fil>* <solar>)");
	is_tree("\"\"", "<>");
	is_tree("\"a \"\"b\"\" (c) & | ! -d AND\"", "<a \"b\" (c) & | ! -d AND>");
	is_tree("solar\"thin film\"", "(and <solar> <thin film>)");
	is_tree("-\"a b\"", "(not <a b>)");
	is_tree("e-mail it's 3.5 -3", "(and <e-mail> <it's> <3.5> (not <3>))");
	is_tree("a - b -", "(and <a> <-> <b> <->)");
	is_tree("(-) -- -&a", "(and <-> (not <->) <-> <a>)");
	is_tree("and or not ANDES AND* \"OR\"", "(and <and> <or> <not> <ANDES> <AND>* <OR>)");
	is_tree("z\xC3\xA4h \xF0\x9F\x98\x80", "(and <z\xC3\xA4h> <\xF0\x9F\x98\x80>)");
}

static void
errors(void **state)
{
	char	   *deep = repeated("(", VS_MATCH_MAX_DEPTH + 1);
	char	   *denied = repeated("!", VS_MATCH_MAX_DEPTH + 1);
	char	   *much = repeated("a ", VS_MATCH_MAX_BYTES / 2 + 1);

	(void) state;
	is_error("a &", 3, VS_MATCH_SYNTAX, 3, 0);
	is_error("& a", 3, VS_MATCH_SYNTAX, 0, 1);
	is_error("a || b", 6, VS_MATCH_SYNTAX, 3, 1);
	is_error("a & OR b", 8, VS_MATCH_SYNTAX, 4, 2);
	is_error("a !", 3, VS_MATCH_SYNTAX, 3, 0);
	is_error("(a", 2, VS_MATCH_SYNTAX, 2, 0);
	is_error("a)", 2, VS_MATCH_SYNTAX, 1, 1);
	is_error("()", 2, VS_MATCH_SYNTAX, 1, 1);
	is_error("a \"b c", 6, VS_MATCH_OPEN_QUOTE, 2, 4);
	is_error("a \"b\"\"", 6, VS_MATCH_OPEN_QUOTE, 2, 4);
	is_error("a\0b", 3, VS_MATCH_SYNTAX, 1, 1);
	is_error(deep, strlen(deep), VS_MATCH_TOO_DEEP, VS_MATCH_MAX_DEPTH, 1);
	is_error(denied, strlen(denied), VS_MATCH_TOO_DEEP, VS_MATCH_MAX_DEPTH, 1);
	is_error(much, strlen(much), VS_MATCH_TOO_LONG, 0, 0);
	free(deep);
	free(denied);
	free(much);
}

/* What is long is wide, not deep. */
static void
long_queries(void **state)
{
	char	   *and = repeated("a ", VS_MATCH_MAX_BYTES / 2);
	char	   *or = repeated("a|b|", VS_MATCH_MAX_BYTES / 4);

	(void) state;
	or[strlen(or) - 1] = ' ';
	assert_true(matches(and, strlen(and), "a", true));
	assert_false(matches(and, strlen(and), "b", true));
	assert_true(matches(or, strlen(or), "b", true));
	free(and);
	free(or);
}

static void
is_match(const char *query, const char *document, bool expected)
{
	if (matches(query, strlen(query), document, true) != expected)
		fail_msg("%s in %s: not %d", query, document, expected);
}

static void
answers(void **state)
{
	(void) state;
	is_match("a", "a", true);
	is_match("a", "b", false);
	is_match("a", "", false);
	is_match("!a", "", true);
	is_match("a b", "b c a", true);
	is_match("a b", "a", false);
	is_match("a | b", "b", true);
	is_match("a !b", "a", true);
	is_match("a !b", "b a", false);
	is_match("!(a b)", "a", true);
	is_match("!(a b)", "ab", false);
	is_match("!(a | b)", "c", true);
	/* what has no terms is not asked for */
	is_match("a & ...", "a", true);
	is_match("a | ...", "b", false);
	is_match("!... b", "b", true);
	is_match("THE", "a", false);
	is_match("!THE", "a", false);
	is_match("", "a", false);
	/* prefixes, alternatives */
	is_match("a*", "a", true);
	is_match("a*", "b", false);
	is_match("x", "y", true);
	is_match("x", "z", false);
}

static void
phrases(void **state)
{
	(void) state;
	is_match("\"a b\"", "a b", false);	/* a position apart */
	is_match("\"a b\"", "ab", true);
	is_match("\"a b\"", "ba", false);
	is_match("\"a b\"", "b aab", true);
	is_match("\"a b a\"", "aba", true);
	is_match("\"a b a\"", "ab ba", false);
	is_match("\"a THE b\"", "a?b", false);
	is_match("\"aTb\"", "a?b", true);
	is_match("\"aTb\"", "ab", false);
	is_match("\"T ab\"", "ab", true);
	is_match("\"a x b\"", "ayb", true);
	is_match("\"a x b\"", "axb", true);
	is_match("\"a x b\"", "a b xy", false);
	is_match("\"x a\"", "ya", true);
	is_match("a-b", "ab", true);
	is_match("a-b", "b a", false);
	is_match("!\"a b\"", "ba", true);
	is_match("!\"a b\"", "cab", false);
	is_match("\"a b\"*", "ab", true);
	assert_false(matches("\"ab\"", 4, "ab", false));
	assert_true(matches("a b", 3, "ab", false));
}

/* Positions that come out of order, longer terms, and a prefix over several of them. */
static void
disorder(void **state)
{
	VsMatchError error;
	VsMatch    *match = vs_match_parse("\"a b\"*", 6, &match_calls, &error);
	VsMatchWords *seen;

	(void) state;
	match_analyze(match);
	seen = vs_match_words(&match_calls, match);
	assert_int_equal(seen->n, 2);
	vs_match_words_begin(seen);
	for (int i = 1; i < 100; i++)
		vs_match_words_see(seen, "a", 1, 10 * i);
	vs_match_words_see(seen, "bar", 3, 995);
	assert_false(vs_match_words_match(seen, match));
	vs_match_words_see(seen, "bee", 3, 501);
	vs_match_words_see(seen, "ab", 2, 991);
	assert_true(vs_match_words_match(seen, match));

	/* A phrase that stands at none of many places lets the caller breathe. */
	match_pauses = 0;
	vs_match_words_begin(seen);
	for (int i = 1; i <= 5000; i++)
		vs_match_words_see(seen, "a", 1, i);
	vs_match_words_see(seen, "b", 1, 9000);
	assert_false(vs_match_words_match(seen, match));
	assert_int_equal(match_pauses, 4);
	match_free();
}

/* The three answers, without positions. */
static bool
has(void *context, const VsMatchTerm *term)
{
	return strchr(context, term->term[0]) != NULL;
}

static VsMatchAnswer
ask(void *context, const VsMatch *leaf)
{
	return vs_match_without_positions(leaf, has, context);
}

static VsMatchAnswer
answer_of(const char *query, const char *document)
{
	VsMatchError error;
	VsMatch    *match = vs_match_parse(query, strlen(query), &match_calls, &error);
	VsMatchAnswer answer;

	match_analyze(match);
	answer = vs_match_evaluate(vs_match_prune(match), ask, (void *) document);
	match_free();
	return answer;
}

static void
without_positions(void **state)
{
	VsMatch    *any;

	(void) state;
	assert_int_equal(answer_of("a", "ab"), VS_MATCH_YES);
	assert_int_equal(answer_of("\"a b\"", "ab"), VS_MATCH_PERHAPS);
	assert_int_equal(answer_of("\"a b\"", "a"), VS_MATCH_NO);
	assert_int_equal(answer_of("!\"a b\"", "ab"), VS_MATCH_PERHAPS);
	assert_int_equal(answer_of("!\"a b\"", "a"), VS_MATCH_YES);
	assert_int_equal(answer_of("\"a b\" | a", "ab"), VS_MATCH_YES);
	assert_int_equal(answer_of("\"a b\" c", "ab"), VS_MATCH_NO);
	assert_int_equal(answer_of("\"a b\" a", "ab"), VS_MATCH_PERHAPS);
	any = vs_match_leaf(&match_calls, VS_MATCH_ANY);
	assert_int_equal(vs_match_evaluate(any, ask, NULL), VS_MATCH_PERHAPS);
	assert_int_equal(vs_match_evaluate(vs_match_over(&match_calls, VS_MATCH_NOT, any), ask, NULL), VS_MATCH_PERHAPS);
	assert_int_equal(vs_match_evaluate(vs_match_over(&match_calls, VS_MATCH_MAYBE, any), ask, NULL), VS_MATCH_PERHAPS);
	match_free();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trees),
		cmocka_unit_test(words),
		cmocka_unit_test(errors),
		cmocka_unit_test(long_queries),
		cmocka_unit_test(answers),
		cmocka_unit_test(phrases),
		cmocka_unit_test(disorder),
		cmocka_unit_test(without_positions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
