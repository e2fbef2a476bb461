/* spec_texts: specs written in a test, what is told about them, and the objects they are. */
#pragma once

#include "spec/kinds.h"

/* A file of that text in /specs. */
struct spec_file spec_text(const char *name, const char *text);
/* All that was told, sorted, a line each. */
const char *spec_told(struct arena *a, struct diags *d);
/* The objects of one text, of a user whose home is /home/u; or a failed test. */
struct specs spec_objects(struct arena *a, const char *text);

#define SANDBOX(spec)  "{apiVersion: reconclaw/v1, kind: Sandbox, metadata: {name: a}, spec: " spec "}"
#define OPENCLAW(spec) "{apiVersion: reconclaw/v1, kind: OpenClaw, metadata: {name: a}, spec: " spec "}"
