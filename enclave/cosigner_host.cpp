#include "enclave/cosigner_host.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>

#include "config/limits.h"
#include "enclave/adopt.h"
#include "enclave/messages.h"
#include "ledger/crypto/ml_dsa.h"
#include "ledger/crypto/sha256.h"
#include "ledger/format/note.h"

namespace witan {
namespace {

tl::unexpected<Error> no_cosigner() {
  return fail(ErrorCode::kNotFound, "the enclave has no cosigner yet: cosigner-init comes first");
}

constexpr const char* kHeldReason =
    "this witness was restored from a backup and does not know yet where this log stands; its "
    "operator was told what to do";

Hash32 origin_hash_of(const CosignRequest& request) {
  const std::string& note = request.request.note;
  return sha256(as_bytes(std::string_view(note).substr(0, note.find('\n'))));
}

std::string with_keys(bool ml_dsa) {
  return ml_dsa ? " with Ed25519 and ML-DSA-44 keys" : " with an Ed25519 key";
}

SecretBytes seed_of(Random& random) {
  Bytes seed(32);
  random.fill(seed);
  return SecretBytes(std::move(seed));
}

template <typename T>
CosignerReply as_reply(Result<T> result) {
  if (!result) return std::move(result).error();
  return std::move(*result);
}

}  // namespace

Result<CosignerHost> CosignerHost::open(CosignerDisk& disk, MachineKey key, Random& random,
                                        std::size_t journal_bytes_max) {
  CosignerHost out(random);
  out.disk_ = &disk;
  out.journal_bytes_max_ = journal_bytes_max;
  WITAN_ASSIGN(MachineKey again, MachineKey::make({key.data(), kMachineKeyBytes}));
  WITAN_ASSIGN(out.journal_, MarksJournal::open(disk, std::move(key), random, journal_bytes_max));
  if (out.journal_) {
    WITAN_TRY(out.take_over(out.journal_->take_memory()));
    WITAN_ASSIGN(const auto hold, disk.read_hold());
    if (hold) {
      WITAN_ASSIGN(out.hold_, Hold::parse(as_text(*hold)));
    }
  } else {
    out.key_.emplace(std::move(again));
  }
  return out;
}

Result<void> CosignerHost::take_over(CosignerMemory memory) {
  WITAN_ASSIGN(CosignerCore core, CosignerCore::make(std::move(memory.name), memory.seeds));
  core.restore(std::move(memory.marks), std::move(memory.recent));
  core.share_work(for_each_);
  core_.emplace(std::move(core));
  return {};
}

Result<CosignerState> CosignerHost::init(const std::string& name, bool ml_dsa) {
  if (core_) {
    WITAN_ASSIGN(CosignerState present, core_->state());
    if (present.name == name && (present.keys.size() > 1) == ml_dsa) return present;
    return fail(ErrorCode::kConflict, "init of the cosigner " + printable(name) +
                                          with_keys(ml_dsa) + ", but the enclave holds " +
                                          printable(present.name) +
                                          with_keys(present.keys.size() > 1));
  }
  if (!valid_key_name(name)) {
    return fail(ErrorCode::kMalformed, "cosigner's name \"" + printable(name) +
                                           "\", expected 1 to 255 bytes of UTF-8 without spaces, "
                                           "control characters and '+'");
  }
  if (ml_dsa && !ml_dsa_available()) {
    return fail(ErrorCode::kUnsupported,
                "no ML-DSA-44 key can be made: it needs OpenSSL 3.5 or later, built with it");
  }
  if (disk_ == nullptr) {
    CosignerMemory memory;
    memory.name = name;
    memory.seeds.ed25519 = seed_of(*random_);
    if (ml_dsa) memory.seeds.ml_dsa_44 = seed_of(*random_);
    WITAN_TRY(take_over(std::move(memory)));
    return core_->state();
  }
  if (broken_) return fail(ErrorCode::kIo, "the cosigner's files could not be made");
  WITAN_ASSIGN(MachineKey key, MachineKey::make({key_->data(), kMachineKeyBytes}));
  auto journal =
      MarksJournal::create(*disk_, std::move(key), *random_, name, ml_dsa, journal_bytes_max_);
  // Whether the files are there is unknown.
  broken_ = !journal;
  if (!journal) return fail(std::move(journal).error());
  journal_.emplace(std::move(*journal));
  WITAN_TRY(take_over(journal_->take_memory()));
  return core_->state();
}

Result<void> CosignerHost::fold() {
  return journal_->fold(core_->marks(), core_->recent());
}

Result<void> CosignerHost::fold_when_long() {
  if (!journal_ || !journal_->wants_fold()) return {};
  return fold();
}

void CosignerHost::share_work(ForEach for_each) {
  for_each_ = std::move(for_each);
  if (core_) core_->share_work(for_each_);
}

Result<CosignResults> CosignerHost::cosign(std::span<const CosignRequest> requests,
                                           std::uint64_t time_s, std::uint64_t number) {
  const Hash32 digest = cosign_digest(requests, time_s, number);
  WITAN_ASSIGN(const Bytes encoded, cosign_encoded(requests, time_s, number, digest));
  return decode_cosign_results(encoded);
}

Result<Bytes> CosignerHost::cosign_encoded(std::span<const CosignRequest> requests,
                                           std::uint64_t time_s, std::uint64_t number,
                                           const Hash32& digest) {
  if (!core_) return no_cosigner();
  if (!hold_) return cosign_free(requests, time_s, digest);
  if (hold_->lifted()) return cosign_free(requests, std::max(time_s, hold_->time_s()), digest);
  return cosign_held(requests, time_s, number);
}

Result<Bytes> CosignerHost::cosign_held(std::span<const CosignRequest> requests,
                                        std::uint64_t time_s, std::uint64_t number) {
  WITAN_TRY(check_cosign_batch(requests));
  std::vector<CosignRequest> free;
  std::vector<bool> is_free;
  for (const CosignRequest& request : requests) {
    is_free.push_back(!hold_->holds(origin_hash_of(request)));
    if (is_free.back()) free.push_back(request);
  }
  CosignResults answers;
  if (!free.empty()) {
    const std::uint64_t at_s = std::max(time_s, hold_->time_s());
    WITAN_ASSIGN(const Bytes encoded, cosign_free(free, at_s, cosign_digest(free, at_s, number)));
    WITAN_ASSIGN(answers, decode_cosign_results(encoded));
  }
  CosignResults out;
  std::size_t next = 0;
  for (const bool was_free : is_free) {
    if (was_free) {
      out.push_back(std::move(answers[next++]));
    } else {
      out.push_back(tl::make_unexpected(CosignError{CosignRefusal::kHeld, kHeldReason, 0}));
    }
  }
  return encode_cosign_results(out);
}

Result<Bytes> CosignerHost::cosign_free(std::span<const CosignRequest> requests,
                                        std::uint64_t time_s, const Hash32& digest) {
  CosignStep step = core_->cosign(requests, time_s, digest);
  if (step.record.empty() || !journal_) {
    core_->commit();
    return std::move(step.results);
  }
  Result<void> kept = fold_when_long();
  if (kept) kept = journal_->append(step.record);
  if (!kept) {
    core_->discard();
    return fail(ErrorCode::kIo,
                "the marks could not be written, nothing was cosigned: " + kept.error().message);
  }
  core_->commit();
  return std::move(step.results);
}

Result<void> CosignerHost::keep_hold(Hold next) {
  // What would be too long to be read again.
  if (next.released() > limits::kWitnessLogsMax) {
    return fail(ErrorCode::kTooLarge,
                "more than " + std::to_string(limits::kWitnessLogsMax) + " origins released");
  }
  if (disk_ != nullptr) WITAN_TRY(disk_->replace_hold(as_bytes(next.encode())));
  hold_ = std::move(next);
  return {};
}

Result<CosignerState> CosignerHost::hold() {
  if (!core_) return no_cosigner();
  Hold next;
  if (hold_) next.saw_time(hold_->time_s());
  WITAN_TRY(keep_hold(std::move(next)));
  return state();
}

Result<CosignerState> CosignerHost::release(std::span<const std::string> origins) {
  if (!core_) return no_cosigner();
  if (!hold_) return state();
  Hold next = *hold_;
  if (origins.empty()) next.lift();
  for (const std::string& origin : origins) next.release(sha256(as_bytes(origin)));
  WITAN_TRY(keep_hold(std::move(next)));
  return state();
}

Result<CosignResults> CosignerHost::adopt(std::span<const CosignRequest> heads) {
  WITAN_TRY(check_cosign_batch(heads));
  WITAN_ASSIGN(const CosignerState identity, state());
  AdoptedHeads adopted = judge_heads(heads, identity, core_->marks());
  const std::uint64_t known_s = std::max(core_->last_time_s(), hold_ ? hold_->time_s() : 0);
  const bool is_old = !adopted.marks.empty() || adopted.time_s > known_s;
  // What it has signed and does not know shows that its marks are old, those of others too.
  if (is_old && (!hold_ || hold_->lifted())) WITAN_TRY(hold());
  if (!adopted.marks.empty()) {
    if (broken_) return fail(ErrorCode::kIo, "the marks could not be written before");
    for (const OriginMark& mark : adopted.marks) core_->raise(mark);
    if (journal_) {
      const Result<void> kept = fold();
      broken_ = !kept;
      WITAN_TRY(kept);
    }
  }
  // After the marks: what is released stands where it must.
  Hold next = hold_.value_or(Hold());
  for (const CosignResult& result : adopted.results) {
    if (result) next.release(sha256(as_bytes(result->origin)));
  }
  next.saw_time(adopted.time_s);
  if (hold_) WITAN_TRY(keep_hold(std::move(next)));
  return std::move(adopted.results);
}

Result<SubtreeResult> CosignerHost::cosign_subtree(const SignSubtreeRequest& request) const {
  if (!core_) return no_cosigner();
  return core_->cosign_subtree(request);
}

Result<CosignerState> CosignerHost::state() const {
  if (!core_) return no_cosigner();
  WITAN_ASSIGN(CosignerState out, core_->state());
  if (hold_ && !hold_->lifted()) out.released = hold_->released();
  // Of each origin what leads up to its mark without a gap: a head that was adopted makes one, and
  // what was cosigned before it is no news for a store that has it.
  std::unordered_map<std::string, std::uint64_t> begins;
  std::vector<Cosigned> leading;
  for (auto at = out.last.rbegin(); at != out.last.rend(); ++at) {
    const auto mark = core_->mark(at->origin);
    std::uint64_t& begin =
        begins.try_emplace(at->origin, mark ? mark->size.value : 0).first->second;
    if (at->mark.size.value != begin) continue;
    begin = at->old_size;
    leading.push_back(std::move(*at));
  }
  out.last.assign(std::move_iterator(leading.rbegin()), std::move_iterator(leading.rend()));
  return out;
}

Result<MarkReply> CosignerHost::mark(std::string_view origin) const {
  if (!core_) return no_cosigner();
  return core_->mark(origin);
}

Result<MarksPage> CosignerHost::marks(std::uint64_t first) const {
  if (!core_) return no_cosigner();
  return MarksPage{core_->marks_from(first)};
}

CosignerReply CosignerHost::handle(const CosignerRequest& request) {
  if (const auto* batch = std::get_if<CosignBatchRequest>(&request)) {
    return as_reply(cosign(batch->requests, batch->time_s, batch->number));
  }
  if (const auto* wanted = std::get_if<MarkRequest>(&request)) {
    return as_reply(mark(wanted->origin));
  }
  if (const auto* wanted = std::get_if<MarksRequest>(&request)) {
    return as_reply(marks(wanted->first));
  }
  if (const auto* wanted = std::get_if<CosignerInitRequest>(&request)) {
    return as_reply(init(wanted->name, wanted->ml_dsa));
  }
  if (const auto* wanted = std::get_if<SignSubtreeRequest>(&request)) {
    return as_reply(cosign_subtree(*wanted));
  }
  if (std::holds_alternative<HoldRequest>(request)) return as_reply(hold());
  if (const auto* wanted = std::get_if<ReleaseRequest>(&request)) {
    return as_reply(release(wanted->origins));
  }
  if (const auto* wanted = std::get_if<AdoptRequest>(&request)) {
    return as_reply(adopt(wanted->requests));
  }
  return as_reply(state());
}

Bytes CosignerHost::handle_message(BytesView message) {
  const Result<CosignerRequest> request = decode_cosigner_request(message);
  if (!request) return encode_reply(request.error());
  if (const auto* batch = std::get_if<CosignBatchRequest>(&*request)) {
    // The bytes are what cosign_digest would encode again.
    const auto results =
        cosign_encoded(batch->requests, batch->time_s, batch->number, sha256(message));
    return results ? encode_cosigned_reply(*results) : encode_reply(results.error());
  }
  return encode_cosigner_reply(handle(*request));
}

}  // namespace witan
