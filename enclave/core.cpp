#include "enclave/core.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>
#include <vector>

#include "config/limits.h"
#include "ledger/attestation/evidence.h"
#include "ledger/crypto/sha256.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/cose.h"
#include "ledger/format/receipt.h"

namespace witan {
namespace {

// The end of the year 9999: above it, other people's dates break.
constexpr std::uint64_t kTimeMsMax = 253'402'300'799'999;

std::array<std::uint8_t, 8> big_endian(std::uint64_t value) {
  std::array<std::uint8_t, 8> out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[out.size() - 1 - i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  return out;
}

Hash32 append_digest(const AppendRequest& request) {
  const auto prev = big_endian(request.prev.value);
  const auto time = big_endian(request.time_ms);
  const BytesView entries{reinterpret_cast<const std::uint8_t*>(request.entries.data()),
                          request.entries.size() * sizeof(Hash32)};
  return sha256({prev, time, entries});
}

// Signs and checks the signature before anybody sees it: a fault while signing could give the key
// away.
Result<Signature64> sign_checked(const PrivateKey& key, Algorithm algorithm, BytesView message) {
  WITAN_ASSIGN(const Bytes signature, key.sign(algorithm, message));
  Signature64 out{};
  if (signature.size() != out.size()) {
    return fail(ErrorCode::kBadSignature,
                "own signature of " + std::to_string(signature.size()) + " bytes, expected 64");
  }
  if (!key.public_key().verify(algorithm, message, signature)) {
    return fail(ErrorCode::kBadSignature, "own signature does not verify; it is not released");
  }
  std::copy(signature.begin(), signature.end(), out.begin());
  return out;
}

Result<SignedHead> sign_head(const EnclaveState& state, std::uint64_t time_ms) {
  SignedHead out;
  out.head = TreeHead{state.frontier.size(), state.frontier.root(), time_ms};
  const std::string text = Checkpoint{state.origin, out.head.size, out.head.root, {}}.text();
  WITAN_ASSIGN(out.note_signature,
               sign_checked(state.keys->note, Algorithm::kEdDsa, as_bytes(text)));
  CoseHeadFields fields;
  fields.kid = state.keys->cose_thumbprint;
  fields.issuer = state.issuer;
  fields.origin = state.origin;
  fields.time_s = time_ms / 1'000;
  fields.size = out.head.size;
  out.cose_protected = cose_head_protected(fields);
  const Bytes message = cose_to_be_signed(out.cose_protected, out.head.root);
  WITAN_ASSIGN(out.cose_signature, sign_checked(state.keys->cose, Algorithm::kEs256, message));
  return out;
}

Result<void> check_append(const EnclaveState& state, const AppendRequest& request) {
  const std::uint64_t size = state.frontier.size().value;
  if (request.entries.empty()) {
    return fail(ErrorCode::kMalformed, "append: no entries, expected at least 1");
  }
  if (request.entries.size() > limits::kAppendEntriesMax) {
    return fail(ErrorCode::kTooLarge, "append: " + std::to_string(request.entries.size()) +
                                          " entries, expected at most " +
                                          std::to_string(limits::kAppendEntriesMax));
  }
  if (request.prev.value != size) {
    return fail(ErrorCode::kConflict, "append after size " + std::to_string(request.prev.value) +
                                          ", but the log has size " + std::to_string(size));
  }
  if (state.last && request.time_ms < state.last->head.time_ms) {
    return fail(ErrorCode::kStale, "append at time " + std::to_string(request.time_ms) +
                                       " ms, but the last head has " +
                                       std::to_string(state.last->head.time_ms));
  }
  if (request.time_ms > kTimeMsMax) {
    return fail(ErrorCode::kTooLarge, "append at time " + std::to_string(request.time_ms) +
                                          " ms, expected at most " + std::to_string(kTimeMsMax));
  }
  if (request.entries.size() > limits::kTreeSizeMax - size) {
    return fail(ErrorCode::kTooLarge, "append beyond 2^62 leaves");
  }
  if (size + request.entries.size() < 2) {
    return fail(ErrorCode::kRefused, "append to size 1: sizes 0 and 1 are never signed");
  }
  return {};
}

tl::unexpected<Error> not_initialised() {
  return fail(ErrorCode::kNotFound, "the enclave has no log yet: init comes first");
}

}  // namespace

Result<EnclaveCore> EnclaveCore::restore(EnclaveIdentity identity, Random& random,
                                         BytesView state) {
  EnclaveCore core(std::move(identity), random);
  WITAN_ASSIGN(core.state_, decode_state(state));
  return core;
}

Step EnclaveCore::step(const EnclaveRequest& request) {
  next_.reset();
  const auto reply = [](auto result) -> EnclaveReply {
    if (!result) return std::move(result).error();
    return std::move(*result);
  };
  Step out;
  if (const auto* append_request = std::get_if<AppendRequest>(&request)) {
    out.reply = reply(append(*append_request));
  } else if (const auto* init_request = std::get_if<InitRequest>(&request)) {
    out.reply = reply(init(*init_request));
  } else if (!state_) {
    out.reply = not_initialised().value();
  } else {
    out.reply = reply(attest(*state_, std::get<AttestRequest>(request).nonce));
  }
  if (next_) out.seal = Sealable{next_->generation, encode_state(*next_)};
  return out;
}

void EnclaveCore::commit() {
  if (!next_) return;
  state_ = std::move(next_);
  next_.reset();
}

Result<SignerState> EnclaveCore::init(const InitRequest& request) {
  WITAN_TRY(check_names(request.origin, request.issuer));
  if (state_) {
    if (state_->origin == request.origin && state_->issuer == request.issuer) {
      return attest(*state_, {});
    }
    return fail(ErrorCode::kConflict, "init of " + printable(request.origin) + " by " +
                                          printable(request.issuer) + ", but the enclave holds " +
                                          printable(state_->origin) + " by " +
                                          printable(state_->issuer));
  }
  Bytes seed(32);
  random_->fill(seed);
  const SecretBytes secret(std::move(seed));
  WITAN_ASSIGN(PrivateKey note, PrivateKey::from_secret(KeyKind::kEd25519, secret.view()));
  WITAN_ASSIGN(PrivateKey cose, PrivateKey::generate(KeyKind::kP256));
  EnclaveState next;
  next.generation = 1;
  next.origin = request.origin;
  next.issuer = request.issuer;
  next.keys =
      std::make_shared<const EnclaveKeys>(EnclaveKeys::make(std::move(note), std::move(cose)));
  WITAN_ASSIGN(SignerState reply, attest(next, {}));
  next_ = std::move(next);
  return reply;
}

Result<SignedHead> EnclaveCore::append(const AppendRequest& request) {
  if (!state_) return not_initialised();
  const Hash32 digest = append_digest(request);
  if (state_->last && digest == state_->last_append) return *state_->last;
  WITAN_TRY(check_append(*state_, request));
  std::vector<Hash32> leaves(request.entries.size());
  std::transform(request.entries.begin(), request.entries.end(), leaves.begin(),
                 [](const Hash32& entry) { return leaf_hash(entry); });
  EnclaveState next = *state_;
  next.generation += 1;
  next.frontier.append(leaves);
  WITAN_ASSIGN(next.last, sign_head(next, request.time_ms));
  next.last_append = digest;
  next_ = std::move(next);
  return *next_->last;
}

Result<SignerState> EnclaveCore::attest(const EnclaveState& state, BytesView nonce) const {
  if (nonce.size() > kEvidenceNonceBytesMax) {
    return fail(ErrorCode::kTooLarge,
                "attest: nonce of " + std::to_string(nonce.size()) + " bytes, expected at most 64");
  }
  Evidence evidence;
  evidence.grade = identity_.grade;
  evidence.origin = state.origin;
  evidence.note_thumbprint = state.keys->note_thumbprint;
  evidence.cose_thumbprint = state.keys->cose_thumbprint;
  evidence.measurement = identity_.measurement;
  evidence.nonce = to_bytes(nonce);
  evidence.walls = identity_.walls;
  if (state.last) evidence.last = EvidenceHead{state.last->head.size, state.last->head.root};
  SignedEvidence signed_evidence;
  signed_evidence.body = encode_evidence_body(evidence);
  WITAN_ASSIGN(signed_evidence.signature,
               sign_checked(state.keys->note, Algorithm::kEdDsa,
                            evidence_to_be_signed(signed_evidence.body)));
  SignerState out;
  out.origin = state.origin;
  out.issuer = state.issuer;
  out.note_key = state.keys->note.public_key().raw();
  out.cose_key = state.keys->cose.public_key().raw();
  out.size = state.frontier.size();
  out.last = state.last;
  out.evidence = signed_evidence.encode();
  return out;
}

}  // namespace witan
