#include "spec/openclaw/detect.h"

#include <stddef.h>

/* --- versions --------------------------------------------------------------------------------------------------------------- */

static const char *digits(const char *s, int max, int *ret)
{
    int n = 0;
    const char *p = s;

    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (*p - '0');
        if (n > max)
            return NULL;
    }
    *ret = n;
    return p == s ? NULL : p;
}

int oc_version_month(const char *version)
{
    int year, month;
    const char *p = version;

    if (!p)
        return 0;
    if (*p == 'v')
        p++;
    p = digits(p, 9999, &year);
    if (!p || *p != '.' || year < 2000)
        return 0;
    p = digits(p + 1, 12, &month);
    if (!p || month < 1 || (*p != '\0' && *p != '.' && *p != '-'))
        return 0;
    return year * 100 + month;
}

static int month_of(enum oc_line line)
{
    return oc_version_month(oc_profiles[line].release);
}

/* --- the decision ----------------------------------------------------------------------------------------------------------- */

static void say(struct oc_detected *ret, enum oc_line line, bool known, bool certain, const char *why)
{
    *ret = (struct oc_detected){.line = &oc_profiles[line], .known = known, .certain = certain, .why = why};
}

static const char *made_by(struct arena *a, const struct oc_signs *s)
{
    return arena_printf(a, "its registry is in a database of schema %lld%s%s%s", (long long)s->user_version,
                        s->app_version ? " (made by " : "", s->app_version ? s->app_version : "", s->app_version ? ")" : "");
}

/* The newest line that is understood, and the one whose registry is in shards. */
#define NEWEST OC_LINE_2026_9
#define OLDEST OC_LINE_2026_5

static void detect_database(struct arena *a, const struct oc_signs *s, bool between, struct oc_detected *ret)
{
    if (s->user_version == oc_profiles[NEWEST].database_schema || !between)
        say(ret, NEWEST, true, true, made_by(a, s));
    else
        say(ret, NEWEST, false, false,
            arena_printf(a, "%s, and its config was last written by %s, which is between the lines that are known", made_by(a, s),
                         s->touched_version));
}

void oc_detect(struct arena *a, const struct oc_signs *s, struct oc_detected *ret)
{
    const int touched = oc_version_month(s->touched_version);
    const bool between = touched > month_of(OLDEST) && touched < month_of(NEWEST);
    const char *written = arena_printf(a, "its config was last written by %s", s->touched_version ? s->touched_version : "");

    if (s->asked)
        say(ret, s->asked->line, true, false, "the spec says so");
    else if (s->has_database && s->user_version > oc_profiles[NEWEST].database_schema)
        say(ret, NEWEST, false, false,
            arena_printf(a, "its database has schema %lld, newer than any that is known (%d)", (long long)s->user_version,
                         oc_profiles[NEWEST].database_schema));
    else if (touched > month_of(NEWEST))
        say(ret, NEWEST, false, false,
            arena_printf(a, "%s, newer than any that is known (%s)", written, oc_profiles[NEWEST].name));
    else if (s->readable && s->has_table)
        detect_database(a, s, between, ret);
    else if (s->has_database && !s->readable)
        say(ret, s->last ? s->last->line : NEWEST, true, false,
            s->last ? "so it was before its database could not be read" : "it has a database, which cannot be read now");
    else if (!s->has_database && s->last && s->last->registry == OC_REGISTRY_SQLITE)
        say(ret, s->last->line, true, false, "so it was before its database went");
    else if (touched == month_of(NEWEST))
        say(ret, NEWEST, true, true, written);
    else if (s->has_entries)
        say(ret, NEWEST, true, true, "its config has agents.entries");
    else if (between)
        say(ret, OLDEST, false, false, arena_printf(a, "%s, which is between the lines that are known", written));
    else if (s->has_shards)
        say(ret, OLDEST, true, true, "its registry is in files below sandbox/");
    else if (touched)
        say(ret, OLDEST, true, true, written);
    else
        say(ret, OLDEST, true, false, "nothing says otherwise");
}
