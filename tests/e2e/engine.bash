# lib.bash, with a dockerd for the file and a home for each test. A file that sets more up defines setup_file, setup or their
# counterparts anew, behind `load engine`.
# shellcheck shell=bash

load lib
setup_file() { engine_up; }
teardown_file() { engine_down; }
setup() { home_up; }
teardown() { home_down; }
