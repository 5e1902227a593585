#include "tests/support/statements.h"

#include <stdexcept>
#include <utility>

#include "ledger/encoding.h"

namespace witan::test {
namespace {

template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

}  // namespace

Issuer::Issuer(std::string uri, KeyKind kind)
    : uri_(std::move(uri)), key_(must(PrivateKey::generate(kind))) {}

Bytes Issuer::statement(std::string_view text) const {
  StatementRequest request;
  request.subject = "test";
  request.content_type = "text/plain";
  request.payload = to_bytes(as_bytes(text));
  return sign(std::move(request));
}

Bytes Issuer::sign(StatementRequest request) const {
  if (request.issuer.empty()) request.issuer = uri_;
  return must(make_statement(request, key_));
}

std::string id_of(BytesView statement) {
  const auto parsed = Statement::parse(statement, statement.size());
  if (!parsed) throw std::runtime_error(parsed.error().message);
  return hex_encode(parsed->entry());
}

}  // namespace witan::test
