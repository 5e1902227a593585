#include "config/toml_reader.h"

#include <utility>

// Errors as values: a malformed file is no broken invariant.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// toml++ 3.3 asserts that a key starts with a key's character before it reports that it does not;
// bytes from outside must get the report. With NDEBUG it would even be assumed.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

#include "config/limits.h"

namespace witan {
namespace {

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

std::string quoted_if_needed(std::string_view key) {
  const bool bare = !key.empty() && key.find_first_not_of(
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789_-") == std::string_view::npos;
  if (bare) return std::string(key);
  // Keys come from the file: keep control characters out of messages.
  std::string quoted = "\"";
  for (const char c : key) quoted += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return quoted + "\"";
}

std::string found(std::string_view expected, const toml::node& node) {
  return "expected " + std::string(expected) + ", found " + std::string(type_name(node));
}

}  // namespace

struct TomlTable::Impl {
  struct Document {
    std::string file_name;
    toml::table root;
  };
  std::shared_ptr<const Document> document;
  const toml::table* table = nullptr;  // inside the document
  std::string path;

  [[nodiscard]] Error error_at(toml::source_index line, std::string_view key,
                               std::string_view message, ErrorCode code) const {
    std::string where = document->file_name;
    if (line != 0) where += ":" + std::to_string(line);
    std::string full = path;
    if (!key.empty()) full += (full.empty() ? "" : ".") + quoted_if_needed(key);
    if (!full.empty()) where += ": " + full;
    return Error{code, where + ": " + std::string(message)};
  }

  [[nodiscard]] Error error_at(const toml::node& node, std::string_view key,
                               std::string_view message) const {
    return error_at(node.source().begin.line, key, message, ErrorCode::kUsage);
  }

  [[nodiscard]] TomlTable child(const toml::table& inner, std::string inner_path) const {
    return TomlTable(std::make_shared<const Impl>(Impl{document, &inner, std::move(inner_path)}));
  }

  [[nodiscard]] std::string path_of(std::string_view key) const {
    return (path.empty() ? "" : path + ".") + quoted_if_needed(key);
  }
};

TomlTable::TomlTable(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Result<TomlTable> TomlTable::parse(std::string_view text, std::string_view file_name) {
  if (text.size() > limits::kConfigFileBytesMax) {
    return fail(ErrorCode::kTooLarge, std::string(file_name) + ": " + std::to_string(text.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kConfigFileBytesMax));
  }
  toml::parse_result parsed = toml::parse(text, file_name);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return fail(ErrorCode::kMalformed, std::string(file_name) + ":" +
                                           std::to_string(error.source().begin.line) + ": " +
                                           std::string(error.description()));
  }
  auto document = std::make_shared<const Impl::Document>(
      Impl::Document{std::string(file_name), std::move(parsed).table()});
  const toml::table* root = &document->root;
  return TomlTable(std::make_shared<const Impl>(Impl{std::move(document), root, ""}));
}

Result<std::optional<std::string>> TomlTable::string(std::string_view key) {
  asked_.emplace(key);
  const toml::node* node = impl_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_string()) return value->get();
  return fail(impl_->error_at(*node, key, found("a string", *node)));
}

Result<std::optional<std::int64_t>> TomlTable::integer(std::string_view key, std::int64_t min,
                                                       std::int64_t max) {
  asked_.emplace(key);
  const toml::node* node = impl_->table->get(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_integer();
  if (value == nullptr) return fail(impl_->error_at(*node, key, found("an integer", *node)));
  if (value->get() < min || value->get() > max) {
    return fail(impl_->error_at(*node, key,
                                "expected an integer from " + std::to_string(min) + " to " +
                                    std::to_string(max) + ", found " +
                                    std::to_string(value->get())));
  }
  return value->get();
}

Result<std::optional<bool>> TomlTable::boolean(std::string_view key) {
  asked_.emplace(key);
  const toml::node* node = impl_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_boolean()) return value->get();
  return fail(impl_->error_at(*node, key, found("true or false", *node)));
}

Result<std::optional<TomlTable>> TomlTable::table(std::string_view key) {
  asked_.emplace(key);
  const toml::node* node = impl_->table->get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* inner = node->as_table()) return impl_->child(*inner, impl_->path_of(key));
  return fail(impl_->error_at(*node, key, found("a table", *node)));
}

Result<std::vector<std::string>> TomlTable::strings(std::string_view key) {
  asked_.emplace(key);
  std::vector<std::string> out;
  const toml::node* node = impl_->table->get(key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr)
    return fail(impl_->error_at(*node, key, found("an array of strings", *node)));
  for (const toml::node& element : *array) {
    const auto* value = element.as_string();
    if (value == nullptr) {
      return fail(impl_->error_at(
          element, key,
          "expected an array of strings, found " + std::string(type_name(element)) + " in it"));
    }
    out.push_back(value->get());
  }
  return out;
}

Result<std::vector<TomlTable>> TomlTable::tables(std::string_view key) {
  asked_.emplace(key);
  std::vector<TomlTable> out;
  const toml::node* node = impl_->table->get(key);
  if (node == nullptr) return out;
  const auto* array = node->as_array();
  if (array == nullptr) {
    return fail(impl_->error_at(*node, key,
                                found("an array of tables, [[" + std::string(key) + "]]", *node)));
  }
  for (const toml::node& element : *array) {
    const auto* inner = element.as_table();
    if (inner == nullptr) {
      return fail(impl_->error_at(
          element, key,
          "expected an array of tables, found " + std::string(type_name(element)) + " in it"));
    }
    const std::string number = "[" + std::to_string(out.size() + 1) + "]";
    out.push_back(impl_->child(*inner, impl_->path_of(key) + (array->size() > 1 ? number : "")));
  }
  return out;
}

Result<std::string> TomlTable::required_string(std::string_view key) {
  WITAN_ASSIGN(std::optional<std::string> value, string(key));
  if (!value) return fail(error(key, "expected a string, but there is no such key"));
  return *std::move(value);
}

Result<std::int64_t> TomlTable::required_integer(std::string_view key, std::int64_t min,
                                                 std::int64_t max) {
  WITAN_ASSIGN(const std::optional<std::int64_t> value, integer(key, min, max));
  if (!value) return fail(error(key, "expected an integer, but there is no such key"));
  return *value;
}

Result<TomlTable> TomlTable::required_table(std::string_view key) {
  WITAN_ASSIGN(std::optional<TomlTable> value, table(key));
  if (!value) return fail(error(key, "expected a table, but there is no such key"));
  return *std::move(value);
}

bool TomlTable::has(std::string_view key) const {
  return impl_->table->contains(key);
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, node] : *impl_->table) out.emplace_back(key.str());
  return out;
}

Result<void> TomlTable::no_other_keys() const {
  const toml::key* first = nullptr;
  for (const auto& [key, node] : *impl_->table) {
    if (asked_.contains(key.str())) continue;
    if (first == nullptr || key.source().begin < first->source().begin) first = &key;
  }
  if (first == nullptr) return {};
  std::string known;
  for (const std::string& name : asked_) known += (known.empty() ? "" : ", ") + name;
  return fail(impl_->error_at(first->source().begin.line, first->str(),
                              "unknown key; expected one of: " + known, ErrorCode::kUsage));
}

Error TomlTable::error(std::string_view key, std::string_view message, ErrorCode code) const {
  const toml::node* node = key.empty() ? nullptr : impl_->table->get(key);
  if (node == nullptr) node = impl_->table;
  const bool is_root = node == &impl_->document->root;
  return impl_->error_at(is_root ? 0 : node->source().begin.line, key, message, code);
}

const std::string& TomlTable::path() const {
  return impl_->path;
}

}  // namespace witan
