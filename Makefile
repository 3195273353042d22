# The front door. Meson does the work; every target can be run again.

BUILD  ?= build
CHECK  ?= build-check
PREFIX ?= /usr/local

.PHONY: all demo check check-long fuzz bench deps install deb clean

# Optimised, with debug information.
all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	ci/deps name build
	meson setup $(BUILD) --prefix=$(PREFIX)

demo:
	ci/deps install build
	@$(MAKE) --no-print-directory all > $(BUILD).log 2>&1 || \
	    { cat $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/make.log
	apps/demo/demo $(BUILD)

# With sanitizers; everything that a developer runs all day.
$(CHECK)/build.ninja:
	meson setup $(CHECK) -Dtests=true -Dwerror=true \
	    -Db_sanitize=address,undefined

check:
	ci/deps install test
	@$(MAKE) --no-print-directory $(CHECK)/build.ninja
	ninja -C $(CHECK)
	ci/run-tests $(CHECK) --no-suite long

check-long:
	ci/deps install test
	@$(MAKE) --no-print-directory $(CHECK)/build.ninja
	ninja -C $(CHECK)
	ci/run-tests $(CHECK) --suite long

# Fuzz targets with libFuzzer in build-fuzz/; `ci/fuzz SECONDS` runs them all.
fuzz:
	ci/deps install test
	[ -d build-fuzz ] || CC=clang meson setup build-fuzz -Dfuzz=true \
	    -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-fuzz

bench:
	ci/deps install bench || ci/deps install test
	@$(MAKE) --no-print-directory all
	bench/run $(BUILD)

deps:
	ci/deps install test

install: all
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	ninja -C $(BUILD)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

# Debian packages of what is committed, in build-deb/.
deb:
	ci/deps install deb
	ci/make-deb build-deb

clean:
	rm -rf $(BUILD) $(CHECK) build-fuzz build-deb
