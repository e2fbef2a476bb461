/* plan_text: a plan as JSON for programs and as text for people. Sensitive values are masked in both; outside bytes are
 * escaped in both. */
#ifndef RECONCLAW_RECONCILER_CORE_PLAN_TEXT_H
#define RECONCLAW_RECONCILER_CORE_PLAN_TEXT_H

#include "reconciler/core/plan.h"
#include "spec/base/text.h"

#define PLAN_JSON_VERSION 1

/* One JSON object and a newline, two spaces of indent:
 *
 *     {"version": 1, "nowMs": N, "nextDueMs": N|null,
 *      "endpoints": [{"name", "known", "why", "remedy", "suspicious", "runtimes", "removals", "removalCap", "overCap"}],
 *      "acts": [{"act", "held"?, "guard"?, "untilMs"?, "endpoint", "name", "runtime", "owner"?, "scopeKey"?, "id"?, "reason",
 *                "holdReason"?, "remedy"?, "changes": [{"field", "from", "to", "class", "sensitive"}], "dataLoss", "restart",
 *                "after": [index into acts]}],
 *      "summary": {"create": N, ... one per kind of act, "unknownEndpoints": N}}
 *
 * Keys with a ? are there only where they mean something; all others always. from and to are null where there is none, and
 * "(sensitive)" where they may not be shown. */
void plan_emit_json(struct buf *b, const struct plan *p);

/* The same as a tree, for a caller that adds to it. */
struct node *plan_node(struct arena *a, const struct plan *p);

enum { PLAN_TEXT_COLOUR = 1 };
/*   + create   docker/openclaw-sbx-agent-main-f331f052: it is wanted, and not there
 * -/+ recreate docker/openclaw-sbx-agent-work-1b2c3d4e: docker.memory changed
 *         docker.memory: 512m -> 1g
 *   ! hold     docker/openclaw-sbx-agent-home-5a6b7c8d: recreate: docker.image changed; waits (hot): it was used 12s ago, due in
 * 4m48s docker.image: a:1 -> a:2
 *
 *   superseded by an upgrade of OpenClaw: 2 runtimes, 1 to go now, 1 kept while in use or for a guard; their workspaces stay
 * where they are
 *   - prune    docker/openclaw-sbx-agent-a-1b2c3d4e: superseded: OpenClaw 2026.9 names it openclaw-sbx-workspace-...
 *
 * Plan: 1 to create, 1 to recreate, 1 held.
 */
void plan_emit_text(struct buf *b, const struct plan *p, unsigned flags);

/* One act on one line, no newline: for progress and logs. */
void act_format(struct buf *b, const struct act *act, int64_t now_ms);
/* "in 4m48s", "12s ago": two units at most. */
void moment_format(struct buf *b, int64_t at_ms, int64_t now_ms);

#endif
