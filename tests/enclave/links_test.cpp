// The signer's process is trusted with the log's key, so what it loads is kept small.
#include <array>
#include <cstddef>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/catch.h"

namespace witan::test {
namespace {

// The shared libraries that a program names (DT_NEEDED), as readelf prints them.
std::vector<std::string> needed_libraries(const std::string& program) {
  const std::string command = "LC_ALL=C readelf --dynamic --wide '" + program + "' 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> chunk{};
  for (std::size_t n = 0; (n = fread(chunk.data(), 1, chunk.size(), pipe.get())) > 0;) {
    output.append(chunk.data(), n);
  }
  std::vector<std::string> libraries;
  for (auto at = output.find("(NEEDED)"); at != std::string::npos;
       at = output.find("(NEEDED)", at + 1)) {
    const auto open = output.find('[', at);
    libraries.push_back(output.substr(open + 1, output.find(']', open) - open - 1));
  }
  INFO(output);
  REQUIRE_FALSE(libraries.empty());
  return libraries;
}

TEST_CASE("enclave: the program links no database, TLS, log, HTTP or configuration library") {
  constexpr std::array<std::string_view, 8> kBanned = {
      "liblmdb", "libssl", "libspdlog", "libfmt", "toml", "libcurl", "libboost", "prometheus"};
  const auto libraries = needed_libraries(std::string(WITAN_BINARY_DIR) + "/bin/witan-enclave");
  for (const std::string& library : libraries) {
    for (const std::string_view banned : kBanned) {
      INFO("witan-enclave needs " << library << "; move what uses it out of the enclave's reach");
      CHECK(library.find(banned) == std::string::npos);
    }
  }
  std::cout << "enclave: linked libraries checked: " << libraries.size() << "\n";
}

TEST_CASE("enclave: the node's program does link the database, so the check sees libraries") {
  bool found = false;
  for (const auto& library : needed_libraries(std::string(WITAN_BINARY_DIR) + "/bin/witan")) {
    if (library.find("liblmdb") != std::string::npos) found = true;
  }
  CHECK(found);
}

}  // namespace
}  // namespace witan::test
