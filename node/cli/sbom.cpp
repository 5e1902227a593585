#include "node/cli/sbom.h"

#include <boost/version.hpp>
#include <lmdb.h>
#include <nlohmann/json.hpp>

#include "ledger/crypto/libraries.h"

namespace witan::cli {
namespace {

nlohmann::ordered_json package(const std::string& name, const std::string& version,
                               const std::string& licence) {
  return {{"SPDXID", "SPDXRef-" + name},
          {"name", name},
          {"versionInfo", version},
          {"downloadLocation", "NOASSERTION"},
          {"licenseConcluded", licence}};
}

}  // namespace

std::string sbom_of_this_program() {
  const auto dotted = [](int major, int minor, int patch) {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  };
  nlohmann::ordered_json packages = nlohmann::ordered_json::array();
  packages.push_back(package("witan", WITAN_VERSION, "Apache-2.0"));
  packages.push_back(package("openssl", openssl_version(), "Apache-2.0"));
  packages.push_back(package("libsodium", libsodium_version(), "ISC"));
  packages.push_back(package(
      "lmdb", dotted(MDB_VERSION_MAJOR, MDB_VERSION_MINOR, MDB_VERSION_PATCH), "OLDAP-2.8"));
  packages.push_back(package(
      "boost", dotted(BOOST_VERSION / 100'000, BOOST_VERSION / 100 % 1'000, BOOST_VERSION % 100),
      "BSL-1.0"));
  packages.push_back(package(
      "nlohmann-json",
      dotted(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH),
      "MIT"));
  nlohmann::ordered_json relations = nlohmann::ordered_json::array();
  for (std::size_t i = 1; i < packages.size(); ++i) {
    relations.push_back({{"spdxElementId", "SPDXRef-witan"},
                         {"relationshipType", "DEPENDS_ON"},
                         {"relatedSpdxElement", packages[i]["SPDXID"]}});
  }
  const nlohmann::ordered_json document = {
      {"spdxVersion", "SPDX-2.3"},
      {"dataLicense", "CC0-1.0"},
      {"SPDXID", "SPDXRef-DOCUMENT"},
      {"name", "witan " WITAN_VERSION},
      {"documentNamespace", "https://build.example/spdx/witan-" WITAN_VERSION},
      {"packages", packages},
      {"relationships", relations}};
  return document.dump(2) + "\n";
}

}  // namespace witan::cli
