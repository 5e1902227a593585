#pragma once
// TOML text read into plain values, with errors that name file, line and key, for example
//   policy.toml:12: issuer.keys: expected an array of strings, found an integer
// Hides toml++ (TOML 1.0), so that only one file compiles it. A reader asks for every key it knows
// and ends with no_other_keys(), which refuses what nobody asked for: a misspelt key is an error,
// never a silent default.
//
//   WITAN_ASSIGN(TomlTable root, TomlTable::parse(text, "node.toml"));
//   WITAN_ASSIGN(const std::optional<std::string> name, root.string("name"));
//   WITAN_ASSIGN(const std::int64_t port, root.required_integer("port", 1, 65'535));
//   WITAN_ASSIGN(std::vector<TomlTable> peers, root.tables("peer"));  // [[peer]]
//   for (TomlTable& peer : peers) { ...; WITAN_TRY(peer.no_other_keys()); }
//   WITAN_TRY(root.no_other_keys());

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"

namespace witan {

// One table of a document: the root, a [table], an inline table or one of [[tables]]. Keeps the
// document alive; a copy counts the keys asked for from then on by itself. Not for several threads
// at once.
class TomlTable {
 public:
  // `file_name` is only for messages. kMalformed with file, line and reason; kTooLarge above
  // limits::kConfigFileBytesMax.
  static Result<TomlTable> parse(std::string_view text, std::string_view file_name);

  // Each getter: nullopt when there is no such key, kUsage when its value has another type or (for
  // integers) lies outside [min, max].
  Result<std::optional<std::string>> string(std::string_view key);
  Result<std::optional<std::int64_t>> integer(std::string_view key, std::int64_t min,
                                              std::int64_t max);
  Result<std::optional<bool>> boolean(std::string_view key);
  Result<std::optional<TomlTable>> table(std::string_view key);
  // Empty when there is no such key (has() tells the difference).
  Result<std::vector<std::string>> strings(std::string_view key);
  Result<std::vector<TomlTable>> tables(std::string_view key);

  // The same, where a key that is not there is kUsage too.
  Result<std::string> required_string(std::string_view key);
  Result<std::int64_t> required_integer(std::string_view key, std::int64_t min, std::int64_t max);
  Result<TomlTable> required_table(std::string_view key);

  // Whether the key is there. Does not count as asking for it.
  [[nodiscard]] bool has(std::string_view key) const;
  // All keys, in the order of their names: for tables whose keys are names. Does not count as
  // asking for them.
  [[nodiscard]] std::vector<std::string> keys() const;

  // kUsage naming the first key (by line) that no getter was asked for.
  [[nodiscard]] Result<void> no_other_keys() const;

  // An error about the value of a key, with file, line and path put before the message. An empty
  // key means the table itself.
  [[nodiscard]] Error error(std::string_view key, std::string_view message,
                            ErrorCode code = ErrorCode::kUsage) const;
  // The path of this table from the root, "" for the root itself.
  [[nodiscard]] const std::string& path() const;

 private:
  struct Impl;
  explicit TomlTable(std::shared_ptr<const Impl> impl);

  std::shared_ptr<const Impl> impl_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace witan
