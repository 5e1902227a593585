#include "ledger/crypto/algorithm.h"

#include <array>
#include <string>

namespace witan {
namespace {

struct Row {
  Algorithm algorithm;
  std::string_view name;
};

constexpr std::array<Row, 7> kAlgorithms = {{{Algorithm::kEs256, "ES256"},
                                             {Algorithm::kEdDsa, "EdDSA"},
                                             {Algorithm::kEs384, "ES384"},
                                             {Algorithm::kEs512, "ES512"},
                                             {Algorithm::kPs256, "PS256"},
                                             {Algorithm::kPs384, "PS384"},
                                             {Algorithm::kPs512, "PS512"}}};

constexpr std::string_view kKnown = "ES256, ES384, ES512, PS256, PS384, PS512 or EdDSA";

}  // namespace

Result<Algorithm> algorithm_from_cose(std::int64_t number) {
  for (const Row& row : kAlgorithms) {
    if (static_cast<std::int64_t>(row.algorithm) == number) return row.algorithm;
  }
  return fail(ErrorCode::kUnsupported, "COSE algorithm " + std::to_string(number) +
                                           " is not supported, expected " + std::string(kKnown));
}

Result<Algorithm> algorithm_from_name(std::string_view name) {
  for (const Row& row : kAlgorithms) {
    if (row.name == name) return row.algorithm;
  }
  return fail(ErrorCode::kUnsupported, "algorithm \"" + std::string(name.substr(0, 64)) +
                                           "\" is not supported, expected " + std::string(kKnown));
}

std::string_view to_string(Algorithm algorithm) {
  for (const Row& row : kAlgorithms) {
    if (row.algorithm == algorithm) return row.name;
  }
  return "unknown";
}

std::string_view to_string(KeyKind kind) {
  switch (kind) {
    case KeyKind::kEd25519:
      return "Ed25519";
    case KeyKind::kEd448:
      return "Ed448";
    case KeyKind::kP256:
      return "P-256";
    case KeyKind::kP384:
      return "P-384";
    case KeyKind::kP521:
      return "P-521";
    case KeyKind::kRsa:
      return "RSA";
  }
  return "unknown";
}

bool accepts(Algorithm algorithm, KeyKind kind) {
  switch (algorithm) {
    case Algorithm::kEdDsa:
      return kind == KeyKind::kEd25519 || kind == KeyKind::kEd448;
    case Algorithm::kEs256:
      return kind == KeyKind::kP256;
    case Algorithm::kEs384:
      return kind == KeyKind::kP384;
    case Algorithm::kEs512:
      return kind == KeyKind::kP521;
    case Algorithm::kPs256:
    case Algorithm::kPs384:
    case Algorithm::kPs512:
      return kind == KeyKind::kRsa;
  }
  return false;
}

Algorithm default_algorithm(KeyKind kind) {
  switch (kind) {
    case KeyKind::kP256:
      return Algorithm::kEs256;
    case KeyKind::kP384:
      return Algorithm::kEs384;
    case KeyKind::kP521:
      return Algorithm::kEs512;
    case KeyKind::kRsa:
      return Algorithm::kPs256;
    case KeyKind::kEd25519:
    case KeyKind::kEd448:
      break;
  }
  return Algorithm::kEdDsa;
}

}  // namespace witan
