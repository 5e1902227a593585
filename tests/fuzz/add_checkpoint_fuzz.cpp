// A witness's requests and answers: what parses is written again byte for byte, and whatever it is,
// judging it ends, and without the keys' secrets nothing is cosigned.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/secret.h"
#include "witness/add_checkpoint.h"
#include "witness/cosigning.h"
#include "witness/subtree_cosigning.h"

namespace witan {
namespace {

template <typename Request>
void check_request(std::string_view input) {
  const auto request = Request::parse(input);
  if (!request) return;
  if (request->encode() != input || request->proof.size() > limits::kProofHashesMax) std::abort();
}

// The key of the seeds' log: nobody has its secret.
std::vector<VerifierKey> log_keys() {
  const Bytes key(32, 7);
  return {VerifierKey::make("log.example/1", NoteAlgorithm::kEd25519, key).value(),
          VerifierKey::make("log.example/1", NoteAlgorithm::kMlDsa44, Bytes(1'312, 7)).value()};
}

std::vector<VerifierKey> witness_keys() {
  return {VerifierKey::make("w.example", NoteAlgorithm::kCosignatureEd25519, Bytes(32, 7)).value(),
          VerifierKey::make("w.example", NoteAlgorithm::kMlDsa44, Bytes(1'312, 7)).value()};
}

}  // namespace
}  // namespace witan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  init_crypto();
  static const std::vector<VerifierKey> keys = log_keys();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_request<AddCheckpointRequest>(input);
  check_request<SignSubtreeRequest>(input);
  const auto lines = parse_signature_lines(input);
  if (lines && encode_signature_lines(*lines) != input) std::abort();
  const auto tree_size = parse_tlog_size(input);
  if (tree_size && encode_tlog_size(*tree_size) != input) std::abort();

  const auto request = AddCheckpointRequest::parse(input);
  if (request && check_cosignable(*request, keys, CosignMark{}, "w.example")) std::abort();
  // Nobody has the secrets of these keys either.
  static const std::vector<VerifierKey> own = witness_keys();
  const CosignMark mark{TreeSize{1u << 20}, {}};
  const auto subtree = SignSubtreeRequest::parse(input);
  if (subtree && check_subtree_cosignable(*subtree, own, &mark)) std::abort();
  return 0;
}
