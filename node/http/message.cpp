#include "node/http/message.h"

#include <cstddef>

#include "node/http/url.h"

namespace witan::http {

std::optional<std::string_view> Request::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return std::nullopt;
}

Result<std::optional<std::string>> Request::parameter(std::string_view name) const {
  WITAN_ASSIGN(auto parameters, parse_query(query));
  for (auto& [known, value] : parameters) {
    if (known == name) return std::optional<std::string>(std::move(value));
  }
  return std::optional<std::string>();
}

Response Response::text(unsigned status, std::string content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", std::move(content_type));
  response.body = std::move(body);
  return response;
}

Response Response::bytes(unsigned status, std::string content_type, Bytes body) {
  Response response;
  response.status = status;
  response.headers.emplace_back("Content-Type", std::move(content_type));
  response.body = std::move(body);
  return response;
}

Response& Response::with(std::string name, std::string value) & {
  headers.emplace_back(std::move(name), std::move(value));
  return *this;
}

Response&& Response::with(std::string name, std::string value) && {
  headers.emplace_back(std::move(name), std::move(value));
  return std::move(*this);
}

BytesView Response::body_view() const {
  if (const auto* text = std::get_if<std::string>(&body)) return as_bytes(*text);
  if (const auto* bytes = std::get_if<Bytes>(&body)) return *bytes;
  const auto& shared = std::get<std::shared_ptr<const Bytes>>(body);
  return shared ? BytesView(*shared) : BytesView();
}

}  // namespace witan::http
