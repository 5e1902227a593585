#include "enclave/in_process.h"

#include <utility>
#include <variant>
#include <vector>

namespace witan {
namespace {

template <typename Reply>
Result<Reply> expect(EnclaveReply reply) {
  if (Error* error = std::get_if<Error>(&reply)) return fail(std::move(*error));
  return std::move(std::get<Reply>(reply));
}

}  // namespace

Result<std::unique_ptr<InProcessSigner>> InProcessSigner::make(Random& random, KeepState keep,
                                                               std::optional<BytesView> state) {
  EnclaveCore core({}, random);
  if (state) {
    WITAN_ASSIGN(core, EnclaveCore::restore({}, random, *state));
  }
  if (!keep) keep = [](std::uint64_t, BytesView) -> Result<void> { return {}; };
  return std::unique_ptr<InProcessSigner>(
      new InProcessSigner(EnclaveHost(std::move(core), std::move(keep))));
}

Result<SignerState> InProcessSigner::init(const std::string& origin, const std::string& issuer) {
  const std::lock_guard lock(mutex_);
  return expect<SignerState>(host_.handle(InitRequest{origin, issuer}));
}

Result<SignedHead> InProcessSigner::append(TreeSize prev, std::span<const Hash32> entries,
                                           std::uint64_t time_ms) {
  const std::lock_guard lock(mutex_);
  return expect<SignedHead>(host_.handle(
      AppendRequest{prev, std::vector<Hash32>(entries.begin(), entries.end()), time_ms}));
}

Result<SignerState> InProcessSigner::attest(BytesView nonce) {
  const std::lock_guard lock(mutex_);
  return expect<SignerState>(host_.handle(AttestRequest{to_bytes(nonce)}));
}

Result<std::unique_ptr<InProcessCosigner>> InProcessCosigner::open(
    Random& random, const std::filesystem::path& folder) {
  WITAN_ASSIGN(StateFolder locked, StateFolder::open(folder));
  WITAN_ASSIGN(MachineKey key, locked.machine_key(random));
  auto out = std::make_unique<InProcessCosigner>(random);
  out->files_ = std::make_unique<Files>(std::move(locked), folder);
  auto host = CosignerHost::open(out->files_->disk, std::move(key), random);
  if (!host) return fail(host.error().within(folder.string()));
  out->host_ = std::move(*host);
  return out;
}

Result<CosignerState> InProcessCosigner::init_cosigner(const std::string& name, bool ml_dsa) {
  const std::lock_guard lock(mutex_);
  return host_.init(name, ml_dsa);
}

Result<SubtreeResult> InProcessCosigner::cosign_subtree(const SignSubtreeRequest& request) {
  const std::lock_guard lock(mutex_);
  return host_.cosign_subtree(request);
}

Result<std::vector<CosignResult>> InProcessCosigner::cosign(std::span<const CosignRequest> requests,
                                                            std::uint64_t time_s) {
  const std::lock_guard lock(mutex_);
  return host_.cosign(requests, time_s, batch_number_++);
}

Result<CosignerState> InProcessCosigner::cosigner_state() {
  const std::lock_guard lock(mutex_);
  return host_.state();
}

Result<std::optional<CosignMark>> InProcessCosigner::mark(const std::string& origin) {
  const std::lock_guard lock(mutex_);
  return host_.mark(origin);
}

Result<CosignerState> InProcessCosigner::hold() {
  const std::lock_guard lock(mutex_);
  return host_.hold();
}

Result<std::vector<CosignResult>> InProcessCosigner::adopt(std::span<const CosignRequest> heads) {
  const std::lock_guard lock(mutex_);
  return host_.adopt(heads);
}

Result<CosignerState> InProcessCosigner::release(std::span<const std::string> origins) {
  const std::lock_guard lock(mutex_);
  return host_.release(origins);
}

Result<std::vector<OriginMark>> InProcessCosigner::marks(std::uint64_t first) {
  const std::lock_guard lock(mutex_);
  WITAN_ASSIGN(MarksPage page, host_.marks(first));
  return std::move(page.marks);
}

}  // namespace witan
