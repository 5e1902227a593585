#pragma once
// What the witness's page and /status say of its work in the background: lists that it reads again
// and again, and logs that it reads by itself.

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "node/witness/feeder.h"
#include "node/witness/witness_records.h"

namespace witan {

// Escapes text for a page, between tags and in quoted attributes.
using EscapeHtml = std::string (*)(std::string_view);

// Nothing where there is neither a list nor a log to be read.
void write_background(std::ostream& out, const std::vector<ListState>& lists,
                      const FeedingStatus& feeding, std::uint64_t now_s, EscapeHtml html);

[[nodiscard]] nlohmann::ordered_json lists_json(const std::vector<ListState>& lists);
[[nodiscard]] nlohmann::ordered_json feeding_json(const FeedingStatus& feeding);

}  // namespace witan
