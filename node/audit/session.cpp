#include "node/audit/session.h"

#include <algorithm>
#include <utility>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "node/audit/bundle.h"
#include "node/audit/fetch.h"

namespace witan::audit {
namespace {

constexpr std::string_view kCheckpoint = "/checkpoint";

std::string entries_file(const std::string& state_file) {
  return state_file + ".entries";
}

Result<std::optional<AuditState>> earlier_state(const std::string& file) {
  if (file.empty()) return std::optional<AuditState>();
  auto state = load_state(file);
  if (state) return std::optional<AuditState>(std::move(*state));
  if (state.error().code == ErrorCode::kNotFound) return std::optional<AuditState>();
  // Not the log's fault.
  return fail(ErrorCode::kIo, state.error().message);
}

// The key to check the checkpoint with before anything else is known; nullopt when nobody vouches
// for one.
Result<std::optional<VerifierKey>> known_key(Session& session,
                                             const std::optional<AuditState>& state) {
  const std::string& origin = session.newest.origin;
  const auto& given = session.options.log_keys;
  std::optional<VerifierKey> key;
  for (const VerifierKey& candidate : given) {
    if (candidate.name != origin) continue;
    key = candidate;
    if (check_checkpoint_signature(session.newest_note, candidate)) break;
  }
  if (!given.empty() && !key) {
    return fail(ErrorCode::kBadIdentity, std::string(kCheckpoint) + ": the log says that it is '" +
                                             origin + "', and no given log key has that name (" +
                                             given.front().name + ")");
  }
  if (key) session.key_source = LogKeySource::kGiven;
  if (!state) return key;
  if (key && state->vkey != key->text()) {
    return fail(ErrorCode::kUsage, session.options.state_file + " is of a log with the key " +
                                       state->vkey + ", expected " + key->text());
  }
  if (key) return key;
  session.key_source = LogKeySource::kEarlierRun;
  auto earlier = VerifierKey::parse(state->vkey);
  if (!earlier)
    return fail(ErrorCode::kIo, earlier.error().within(session.options.state_file).message);
  return std::optional<VerifierKey>(std::move(*earlier));
}

// What the log has shown before must be part of what it shows now.
Result<void> expect_earlier(Session& session, const AuditState& state, const VerifierKey& key) {
  session.earlier_notes = state.checkpoints;
  for (const std::string& note : state.checkpoints) {
    auto earlier = read_checkpoint(note);
    if (earlier && !check_checkpoint_signature(note, key)) {
      earlier = fail(ErrorCode::kBadSignature, "a checkpoint in it is not signed by " + key.text());
    }
    if (!earlier)
      return fail(ErrorCode::kIo, earlier.error().within(session.options.state_file).message);
    const std::string sizes = std::to_string(session.newest.size.value) + " entries, and had " +
                              std::to_string(earlier->size.value) + " in an earlier audit";
    if (earlier->size > session.newest.size) {
      return fail(ErrorCode::kConflict, "roll-back: the log's newest checkpoint has " + sizes);
    }
    if (earlier->size == session.newest.size && earlier->root != session.newest.root) {
      return fail(ErrorCode::kConflict,
                  "split view: the log has signed two trees of " +
                      std::to_string(earlier->size.value) + " entries, with the roots " +
                      base64_encode(earlier->root) + " and " + base64_encode(session.newest.root));
    }
    WITAN_TRY(session.tree.expect(earlier->size, earlier->root,
                                  {ErrorCode::kConflict,
                                   "as the log's checkpoint said in an earlier audit: the log "
                                   "shows another history (split view)"}));
  }
  return {};
}

Result<void> set_beginning(Session& session, const Statement& entry0, const Statement& entry1,
                           const std::optional<VerifierKey>& key) {
  WITAN_ASSIGN(Beginning beginning, check_beginning(entry0, entry1, session.newest.origin, key));
  WITAN_ASSIGN(ReceiptCheck receipts, ReceiptCheck::make(beginning, session.options.receipt_key));
  session.policies = {PolicyEntry{0, entry0.entry()}};
  session.keys_entry = entry1.entry();
  session.policy = beginning.policy;
  session.beginning = std::move(beginning);
  session.receipts = std::move(receipts);
  return {};
}

Result<void> begin(Session& session, LogReader& log, const std::optional<VerifierKey>& key) {
  WITAN_ASSIGN(const Bundle first, read_bundle(log, 0, session.newest.size));
  if (!first.too_large) {
    return set_beginning(session, first.statements[0], first.statements[1], key);
  }
  WITAN_ASSIGN(const Statement entry0, fetch_statement(log, first.entries[0]));
  WITAN_ASSIGN(const Statement entry1, fetch_statement(log, first.entries[1]));
  return set_beginning(session, entry0, entry1, key);
}

Result<void> resume(Session& session, LogReader& log, const AuditState& state, SeenEntries seen,
                    const std::optional<VerifierKey>& key) {
  auto restored = session.tree.restore(state.size, state.frontier, state.levels);
  if (!restored && restored.error().code != ErrorCode::kMalformed) return restored;
  if (!restored)
    return fail(ErrorCode::kIo, restored.error().within(session.options.state_file).message);
  session.resumed_from = state.size;
  session.seen = std::move(seen);
  session.seen_kept = state.size.value;
  WITAN_TRY(session.tree.check_restored());
  WITAN_ASSIGN(const Statement entry0, fetch_statement(log, state.policies.front().entry));
  WITAN_ASSIGN(const Statement entry1, fetch_statement(log, state.keys_entry));
  WITAN_TRY(set_beginning(session, entry0, entry1, key));
  for (const PolicyEntry& later : std::span(state.policies).subspan(1)) {
    WITAN_ASSIGN(const Statement statement, fetch_statement(log, later.entry));
    WITAN_TRY(session.take_own(later, statement));
  }
  return {};
}

Result<void> start(Session& session, LogReader& log) {
  const AuditOptions& options = session.options;
  WITAN_ASSIGN(const auto state, earlier_state(options.state_file));
  if (state && state->origin != session.newest.origin) {
    return fail(ErrorCode::kUsage, options.state_file + " is of the log '" + state->origin +
                                       "', the node serves '" + session.newest.origin + "'");
  }
  WITAN_ASSIGN(const auto key, known_key(session, state));
  if (key) {
    auto valid = check_checkpoint_signature(session.newest_note, *key);
    if (!valid) return fail(finding(valid.error(), kCheckpoint));
  }
  if (state) WITAN_TRY(expect_earlier(session, *state, *key));
  std::optional<SeenEntries> seen;
  if (state && state->size.value > 0) {
    // Without them an entry that stands twice would be missed, so the audit then begins again.
    auto loaded = SeenEntries::load(entries_file(options.state_file), state->size.value);
    if (loaded) seen = std::move(*loaded);
  }
  if (seen) {
    WITAN_TRY(resume(session, log, *state, std::move(*seen), key));
  }
  if (!session.beginning) WITAN_TRY(begin(session, log, key));
  if (!key) {
    auto valid = check_checkpoint_signature(session.newest_note, session.beginning->keys.log_key);
    if (!valid) return fail(finding(valid.error(), kCheckpoint));
  }
  const bool resumed = session.resumed_from.value > 0;
  return session.tree.expect(
      session.newest.size, session.newest.root,
      {resumed ? ErrorCode::kConflict : ErrorCode::kBadProof,
       resumed ? "as its checkpoint says: the log shows another history than "
                 "in an earlier audit, or its checkpoint is wrong"
               : "as its checkpoint says"});
}

}  // namespace

Result<void> Session::save() {
  if (options.state_file.empty() || !beginning) return {};
  AuditState state;
  state.origin = newest.origin;
  state.vkey = beginning->keys.log_key.text();
  state.size = tree.bundled().size();
  state.frontier = tree.bundled().hashes();
  state.levels = tree.levels();
  state.keys_entry = keys_entry;
  for (const PolicyEntry& entry : policies) {
    if (entry.index < state.size.value) state.policies.push_back(entry);
  }
  for (const std::string& note : earlier_notes) {
    const auto checkpoint = read_checkpoint(note);
    if (checkpoint && checkpoint->size > state.size && note != newest_note) {
      state.checkpoints.push_back(note);
    }
  }
  state.checkpoints.push_back(newest_note);
  // First the entries: the state must never stand without them.
  WITAN_TRY(seen.append_to(entries_file(options.state_file), seen_kept, state.size.value));
  seen_kept = state.size.value;
  return save_state(options.state_file, state);
}

Result<void> Session::take_own(const PolicyEntry& where, const Statement& statement) {
  const auto finding_of = [&](const Error& error) {
    return fail(finding(error, entry_name(where.index) + " (" + hex_encode(where.entry) +
                                   ") is not what the policy in force lets in"));
  };
  if (is_log_keys_statement(statement)) {
    const auto keys = check_key_set(statement, *policy, newest.origin, policies.front().entry);
    if (!keys) return finding_of(keys.error());
    ++key_sets;
  } else {
    auto next = policy->successor(statement);
    if (!next) return finding_of(next.error());
    policy = std::move(*next);
  }
  policies.push_back(where);
  return {};
}

Error Session::with_evidence(Error error) const {
  if (error.code != ErrorCode::kConflict || options.state_file.empty()) return error;
  const std::string file =
      options.state_file + ".conflict-" + hex_encode(sha256(as_bytes(newest_note))).substr(0, 16);
  std::string content = error.message + "\n\n--- the checkpoint now\n\n" + newest_note;
  for (const std::string& note : earlier_notes) {
    content += "\n--- a checkpoint of an earlier audit\n\n" + note;
  }
  const auto written = write_file_atomic(file, content, 0644);
  error.message += written ? "; both checkpoints are kept in " + file
                           : "; the checkpoints could not be kept: " + written.error().message;
  return error;
}

Result<std::unique_ptr<Session>> open_session(LogReader& log, const AuditOptions& options) {
  auto body = log.get(kCheckpoint, limits::kNoteBytesMax);
  if (!body) return fail(body.error().within(kCheckpoint));
  std::string note(as_text(*body));
  auto checkpoint = read_checkpoint(note);
  if (!checkpoint) return fail(finding(checkpoint.error(), kCheckpoint));
  auto session = std::make_unique<Session>(log, options, std::move(note), std::move(*checkpoint));
  if (auto started = start(*session, log); !started) {
    return fail(session->with_evidence(started.error()));
  }
  return session;
}

}  // namespace witan::audit
