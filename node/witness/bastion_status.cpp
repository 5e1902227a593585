#include "node/witness/bastion_status.h"

#include <nlohmann/json.hpp>

namespace witan {

std::string bastions_json(const std::vector<BastionStatus>& bastions) {
  using Json = nlohmann::ordered_json;
  Json all = Json::array();
  for (const BastionStatus& bastion : bastions) {
    Json one;
    one["bastion"] = bastion.url;
    one["public_url"] = bastion.public_url;
    one["connected"] = bastion.connected;
    one["since_s"] = bastion.since_s;
    one["attempts"] = bastion.attempts;
    one["requests"] = bastion.requests;
    one["problem"] = bastion.problem;
    all.push_back(std::move(one));
  }
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace witan
