#pragma once
// Results of operations whose failure is expected: outside bytes, peers, files, policy decisions.
// Exceptions are for broken invariants and for failed I/O that leaves no way on.

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tl/expected.hpp>

namespace witan {

enum class ErrorCode {
  // The bytes are not of the format: truncated, trailing, wrong type, duplicate key, not canonical.
  kMalformed,
  // Well-formed, but above a limit of config/limits.h or of the policy.
  kTooLarge,
  // A known format with an algorithm, version or feature that is not accepted.
  kUnsupported,
  // A signature does not verify.
  kBadSignature,
  // The key or certificate chain is not bound to the claimed issuer, or leads to no trust anchor.
  kBadIdentity,
  // A rule of the registration or trust policy refuses it. The message names the rule.
  kRefused,
  // A Merkle proof or a hash does not arrive at the expected root.
  kBadProof,
  // Nothing is known under that name.
  kNotFound,
  // The state is another one than the caller expected (compare-and-swap, second writer, fork).
  kConflict,
  // The state is older than what was signed or published before. Nothing may be signed from it.
  kStale,
  // A bounded queue or rate is exhausted. Try again later.
  kOverloaded,
  // A peer or process cannot be reached, or went away.
  kUnavailable,
  // A deadline passed; the outcome may be unknown.
  kTimeout,
  // The operating system refused: missing file, wrong mode, full disk. Fatal for a store.
  kIo,
  // Command line or configuration misuse.
  kUsage,
};

// The stable lower-case name of a code, as used in logs and JSON ("malformed", "bad-signature",
// ...).
[[nodiscard]] std::string_view to_string(ErrorCode code);

// Whether the same call may succeed later without anybody changing anything.
[[nodiscard]] bool is_retryable(ErrorCode code);

struct Error {
  ErrorCode code;
  // One line for a person: what is wrong, where, what was found and what was expected.
  std::string message;

  // The same error with "context: " put before its message.
  [[nodiscard]] Error within(std::string_view context) const;
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
// The same error on; one that knows more than an Error keeps what it knows.
template <typename E>
requires std::derived_from<std::remove_cvref_t<E>, Error>
[[nodiscard]] tl::unexpected<std::remove_cvref_t<E>> fail(E&& error) {
  return tl::unexpected<std::remove_cvref_t<E>>(std::forward<E>(error));
}

}  // namespace witan

// Leaves the calling function with the error of `expression`, a Result, when it has one.
#define WITAN_TRY(expression)                                    \
  do {                                                           \
    auto witan_try_result = (expression);                        \
    if (!witan_try_result) {                                     \
      return ::witan::fail(std::move(witan_try_result).error()); \
    }                                                            \
  } while (false)

#define WITAN_CONCAT_INNER(a, b) a##b
#define WITAN_CONCAT(a, b) WITAN_CONCAT_INNER(a, b)

// Declares `target` from the value of `expression`, a Result, or leaves with its error.
#define WITAN_ASSIGN(target, expression) \
  WITAN_ASSIGN_INNER(WITAN_CONCAT(witan_result_, __LINE__), target, expression)
#define WITAN_ASSIGN_INNER(result, target, expression) \
  auto result = (expression);                          \
  if (!result) {                                       \
    return ::witan::fail(std::move(result).error());   \
  }                                                    \
  target = std::move(*result)
