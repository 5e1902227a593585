#include "enclave/cosigner_host.h"

#include <utility>
#include <variant>

#include "enclave/messages.h"
#include "ledger/format/note.h"

namespace witan {
namespace {

tl::unexpected<Error> no_cosigner() {
  return fail(ErrorCode::kNotFound, "the enclave has no cosigner yet: cosigner-init comes first");
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
  } else {
    out.key_.emplace(std::move(again));
  }
  return out;
}

Result<void> CosignerHost::take_over(CosignerMemory memory) {
  WITAN_ASSIGN(CosignerCore core, CosignerCore::make(std::move(memory.name), memory.seed.view()));
  core.restore(std::move(memory.marks), std::move(memory.last));
  core_.emplace(std::move(core));
  return {};
}

Result<CosignerState> CosignerHost::init(const std::string& name) {
  if (core_) {
    CosignerState present = core_->state();
    if (present.name == name) return present;
    return fail(ErrorCode::kConflict, "init of the cosigner " + printable(name) +
                                          ", but the enclave holds " + printable(present.name));
  }
  if (!valid_key_name(name)) {
    return fail(ErrorCode::kMalformed, "cosigner's name \"" + printable(name) +
                                           "\", expected 1 to 255 bytes of UTF-8 without spaces, "
                                           "control characters and '+'");
  }
  if (disk_ == nullptr) {
    Bytes seed(32);
    random_->fill(seed);
    WITAN_TRY(take_over(CosignerMemory{name, SecretBytes(std::move(seed)), {}, {}}));
    return core_->state();
  }
  if (broken_) return fail(ErrorCode::kIo, "the cosigner's files could not be made");
  WITAN_ASSIGN(MachineKey key, MachineKey::make({key_->data(), kMachineKeyBytes}));
  auto journal = MarksJournal::create(*disk_, std::move(key), *random_, name, journal_bytes_max_);
  // Whether the files are there is unknown.
  broken_ = !journal;
  if (!journal) return fail(std::move(journal).error());
  journal_.emplace(std::move(*journal));
  WITAN_TRY(take_over(journal_->take_memory()));
  return core_->state();
}

Result<void> CosignerHost::fold_when_long() {
  if (!journal_ || !journal_->wants_fold()) return {};
  return journal_->fold(core_->marks(), core_->last());
}

Result<CosignResults> CosignerHost::cosign(std::span<const CosignRequest> requests,
                                           std::uint64_t time_s) {
  if (!core_) return no_cosigner();
  CosignStep step = core_->cosign(requests, time_s);
  if (step.record.empty() || !journal_) {
    core_->commit();
    return std::move(step.reply);
  }
  Result<void> kept = fold_when_long();
  if (kept) kept = journal_->append(step.record);
  if (!kept) {
    core_->discard();
    return fail(ErrorCode::kIo,
                "the marks could not be written, nothing was cosigned: " + kept.error().message);
  }
  core_->commit();
  return std::move(step.reply);
}

Result<CosignerState> CosignerHost::state() const {
  if (!core_) return no_cosigner();
  return core_->state();
}

Result<MarkReply> CosignerHost::mark(std::string_view origin) const {
  if (!core_) return no_cosigner();
  return core_->mark(origin);
}

CosignerReply CosignerHost::handle(const CosignerRequest& request) {
  if (const auto* batch = std::get_if<CosignBatchRequest>(&request)) {
    return as_reply(cosign(batch->requests, batch->time_s));
  }
  if (const auto* wanted = std::get_if<MarkRequest>(&request))
    return as_reply(mark(wanted->origin));
  if (const auto* wanted = std::get_if<CosignerInitRequest>(&request)) {
    return as_reply(init(wanted->name));
  }
  return as_reply(state());
}

Bytes CosignerHost::handle_message(BytesView message) {
  const Result<CosignerRequest> request = decode_cosigner_request(message);
  if (!request) return encode_reply(request.error());
  return encode_cosigner_reply(handle(*request));
}

}  // namespace witan
