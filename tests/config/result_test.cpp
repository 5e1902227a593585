#include "config/result.h"

#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "tests/support/catch.h"

namespace witan {
namespace {

constexpr ErrorCode kCodes[] = {
    ErrorCode::kMalformed,    ErrorCode::kTooLarge,    ErrorCode::kUnsupported,
    ErrorCode::kBadSignature, ErrorCode::kBadIdentity, ErrorCode::kRefused,
    ErrorCode::kBadProof,     ErrorCode::kNotFound,    ErrorCode::kConflict,
    ErrorCode::kStale,        ErrorCode::kOverloaded,  ErrorCode::kUnavailable,
    ErrorCode::kTimeout,      ErrorCode::kIo,          ErrorCode::kUsage};

Result<int> positive(int number) {
  if (number > 0) return number;
  return fail(ErrorCode::kRefused, std::to_string(number) + ", expected above 0");
}

Result<void> check(int number) {
  WITAN_TRY(positive(number));
  return {};
}

Result<int> sum(int a, int b) {
  WITAN_ASSIGN(const int first, positive(a));
  WITAN_ASSIGN(const int second, positive(b));
  return first + second;
}

Result<std::unique_ptr<int>> boxed(int number) {
  WITAN_ASSIGN(const int value, positive(number));
  return std::make_unique<int>(value);
}

Result<int> unboxed(int number) {
  WITAN_ASSIGN(const std::unique_ptr<int> box, boxed(number));
  return *box;
}

}  // namespace

TEST_CASE("result: every error code has its own lower-case name") {
  std::set<std::string_view> names;
  for (const ErrorCode code : kCodes) {
    const std::string_view name = to_string(code);
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
    CHECK(name != "unknown");
    names.insert(name);
  }
  CHECK(names.size() == std::size(kCodes));
  CHECK(to_string(ErrorCode::kBadSignature) == "bad-signature");
}

TEST_CASE("result: only overload, absence and deadlines may pass by themselves") {
  std::set<ErrorCode> retryable;
  for (const ErrorCode code : kCodes) {
    if (is_retryable(code)) retryable.insert(code);
  }
  CHECK(retryable ==
        std::set{ErrorCode::kOverloaded, ErrorCode::kUnavailable, ErrorCode::kTimeout});
}

TEST_CASE("result: context goes before the message and leaves the rest") {
  const Error error{ErrorCode::kIo, "no such file"};
  const Error outer = error.within("log.toml").within("reading the configuration");
  CHECK(outer.code == ErrorCode::kIo);
  CHECK(outer.message == "reading the configuration: log.toml: no such file");
  CHECK(error.message == "no such file");
}

TEST_CASE("result: a failed step leaves the function with its error") {
  CHECK(check(1));
  const auto failed = check(-1);
  REQUIRE(!failed);
  CHECK(failed.error().code == ErrorCode::kRefused);
  CHECK(failed.error().message == "-1, expected above 0");
}

TEST_CASE("result: assignment takes the value or leaves with the first error") {
  CHECK(sum(2, 3) == 5);
  CHECK(sum(0, -3).error().message == "0, expected above 0");
  CHECK(sum(2, -3).error().message == "-3, expected above 0");
}

TEST_CASE("result: values that can only be moved pass through") {
  CHECK(unboxed(7) == 7);
  CHECK(unboxed(-7).error().code == ErrorCode::kRefused);
}

}  // namespace witan
