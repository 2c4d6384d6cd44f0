# vecstore: build, install, demo, tests.
#
#   make demo     install what is missing, build, show the main job on real input
#   make check    install what is missing, build, run every test
#   make check-upgrade
#                 the test of pg_upgrade, from 15 to 18 (docs/testing.md)
#   make torture  end a server 1,000 times at random moments (docs/testing.md)
#   make check-asan, make check-valgrind, make coverage, make fuzz, make lint
#                 watch the code with a tool: docs/testing.md, "Tools"
#   make          build the extension only (PGXS; PG_CONFIG=... picks the server)
#   make install  install it into that server

# vecstore_pgvector, SQL alone, needs pgvector where it is created, not here.
EXTENSION = vecstore vecstore_pgvector
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" vecstore.control)
MODULE_big = vecstore

# One room a folder; arrows point down: distance <- quant <- am, distance <- type <- am,
# filter, am <- hybrid <- collection.
OBJS = $(patsubst %.c,%.o,$(wildcard src/*.c src/*/*.c) $(GENERATED))
C_HEADERS = $(wildcard src/*.h src/*/*.h)

# What flex and bison make of the grammars.
GENERATED = $(patsubst %.y,build/gen/%.c,$(notdir $(wildcard src/*/*_gram.y))) \
	$(patsubst %.l,build/gen/%.c,$(notdir $(wildcard src/*/*_scan.l)))
vpath %.y $(sort $(dir $(wildcard src/*/*_gram.y)))
vpath %.l $(sort $(dir $(wildcard src/*/*_scan.l)))

# Each room's SQL stands beside its C; the install script is their concatenation.
SQL_PARTS = $(wildcard src/type/type.sql src/type/hash_embedding.sql src/am/am.sql \
	src/collection/schema.sql src/filter/filter.sql \
	src/hybrid/tokenize.sql src/hybrid/hybrid.sql src/hybrid/bm25.sql src/hybrid/bm25_highlight.sql \
	src/hybrid/hybrid_search.sql \
	src/collection/namespace.sql src/collection/quota.sql src/collection/collection.sql \
	src/collection/record.sql src/collection/snapshot.sql src/collection/search.sql \
	src/collection/split_text.sql src/collection/evaluation.sql src/collection/cache.sql)
DATA_built = $(EXTENSION:%=%--$(EXTVERSION).sql)
EXTRA_CLEAN = test/unit/build build/gen

# ICU finds words, libstemmer (Snowball) stems them.
ICU_CFLAGS := $(shell pkg-config --cflags icu-uc 2>/dev/null)
ICU_LIBS := $(shell pkg-config --libs icu-uc 2>/dev/null || echo -licuuc -licudata)

# Hidden symbols: pgvector may be loaded into the same backend.
PG_CPPFLAGS = -I$(srcdir)/src -Ibuild/gen $(ICU_CFLAGS)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare $(if $(COVERAGE),-O0,-O3) -fvisibility=hidden
SHLIB_LINK = $(ICU_LIBS) -lstemmer -lm

# LLVM bitcode would serve nothing here (no inlinable scalar functions) and needs clang.
override with_llvm := no

# `make installcheck` runs these two kinds in a running server; the others need
# servers of their own, see docs/testing.md.
REGRESS = init $(filter-out init,$(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))
REGRESS_OPTS = --inputdir=.
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(wildcard test/isolation/specs/*.spec))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=vecstore

# These commands choose their server themselves and call make again.
PG_CONFIG ?= pg_config
COMMANDS = demo check check-upgrade torture check-asan check-valgrind coverage fuzz lint
VALGRIND_SLICE = am_corners bm25_fields bm25_match filter hash_embedding hybrid_search index_dims index_rows tokenize type_io
ifneq ($(filter $(COMMANDS),$(MAKECMDGOALS)),)
.PHONY: $(COMMANDS)
demo:
	demo/run
check:
	test/run
check-upgrade:
	test/matrix 18 t/063_upgrade
torture:
	test/soak/run torture 1000
check-asan:
	VECSTORE_TOOL=asan test/run
check-valgrind:
	VECSTORE_TOOL=valgrind test/run $(addprefix regress/,$(VALGRIND_SLICE))
coverage:
	VECSTORE_TOOL=coverage test/run
fuzz:
	dev/install fuzz
	$(MAKE) -C test/unit fuzz
lint:
	test/lint
else
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
endif

# Kernels for one instruction set each; the choice is made at run time.
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
src/distance/kernels_avx2.o: override CFLAGS += -mavx2 -mfma
src/distance/kernels_avx512.o: override CFLAGS += -mavx512f -mavx512bw -mavx512vl -mavx512dq
endif

# Inlined for each number of bits: where that is a constant there is no branch to be covered.
ifneq ($(COVERAGE),)
src/quant/%.o src/distance/%.o: override CFLAGS += -O1
endif

vecstore--$(EXTVERSION).sql: $(SQL_PARTS) vecstore.control Makefile
	cat $(SQL_PARTS) > $@

vecstore_pgvector--$(EXTVERSION).sql: src/pgvector/vecstore_pgvector.sql
	cp $< $@

# A server built without flex and bison leaves FLEX and BISON empty.
build/gen/%_gram.c: %_gram.y
	@mkdir -p $(@D)
	$(or $(BISON),bison) -d -o $@ $<

build/gen/%_scan.c: %_scan.l
	@mkdir -p $(@D)
	$(or $(FLEX),flex) -o $@ $<

$(OBJS): $(C_HEADERS) $(GENERATED)
