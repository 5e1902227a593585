#include "node/http/detail/response_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include <boost/beast/http/status.hpp>

namespace witan::http::detail {

namespace {

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_';
  });
}

bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

bool same_name(std::string_view name, std::string_view lower) {
  return name.size() == lower.size() &&
         std::equal(name.begin(), name.end(), lower.begin(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

// Fields that are the connection's business.
bool is_owned_by_server(std::string_view name) {
  switch (name.size()) {
    case 4:
      return same_name(name, "date");
    case 10:
      return same_name(name, "connection") || same_name(name, "keep-alive");
    case 14:
      return same_name(name, "content-length");
    case 17:
      return same_name(name, "transfer-encoding");
    default:
      return false;
  }
}

}  // namespace

std::string_view reason_phrase(unsigned status) {
  const auto text = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  const std::string_view view(text.data(), text.size());
  return view.starts_with('<') ? "Unknown" : view;
}

bool has_body(unsigned status, Method method) {
  return method != Method::kHead && status >= 200 && status != 204 && status != 304;
}

bool asks_to_close(const Response& response) {
  return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& field) {
    return same_name(field.first, "connection") && same_name(field.second, "close");
  });
}

bool append_head(std::string& out, const Response& response, const HeadOptions& options) {
  out += "HTTP/1.1 ";
  append_number(out, response.status);
  out += ' ';
  out += reason_phrase(response.status);
  for (const auto& [name, value] : response.headers) {
    if (is_owned_by_server(name)) continue;
    if (!is_name(name) || !is_value(value)) return false;
    out += "\r\n";
    out += name;
    out += ": ";
    out += value;
  }
  if (!options.date.empty()) {
    out += "\r\nDate: ";
    out += options.date;
  }
  if (has_body(response.status, Method::kGet)) {
    out += "\r\nContent-Length: ";
    append_number(out, response.body_view().size());
  }
  if (!options.keep_alive) {
    out += "\r\nConnection: close";
  } else if (options.http_1_0) {
    out += "\r\nConnection: keep-alive";
  }
  out += "\r\n\r\n";
  return true;
}

std::string_view DateText::now() {
  const std::time_t second = std::time(nullptr);
  if (second != second_) {
    static constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
    static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
    second_ = second;
    std::tm utc{};
    gmtime_r(&second, &utc);
    const auto two = [this](int number) {
      text_ += static_cast<char>('0' + number / 10 % 10);
      text_ += static_cast<char>('0' + number % 10);
    };
    text_ = kDays.substr(static_cast<std::size_t>(utc.tm_wday) * 3, 3);
    text_ += ", ";
    two(utc.tm_mday);
    text_ += ' ';
    text_ += kMonths.substr(static_cast<std::size_t>(utc.tm_mon) * 3, 3);
    text_ += ' ';
    append_number(text_, static_cast<std::uint64_t>(utc.tm_year) + 1900);
    for (const auto& [before, number] :
         {std::pair{' ', utc.tm_hour}, std::pair{':', utc.tm_min}, std::pair{':', utc.tm_sec}}) {
      text_ += before;
      two(number);
    }
    text_ += " GMT";
  }
  return text_;
}

}  // namespace witan::http::detail
