#pragma once
// The logs of an omniwitness's configuration:
//
//   Logs:
//     - Origin: ..., URL: ..., PublicKey: (a vkey), PublicKeyType: ..., Feeder: (tiles, sumdb, ...)
//
// Source: transparency-dev/witness, omniwitness/logs.yaml. YAML is read by libyaml, event by event,
// so that nothing is held that its text does not hold; aliases, anchors and tags are refused.

#include <string_view>

#include "config/result.h"
#include "witness/log_list.h"

namespace witan {

// The kinds of feeder that are known here become feeds: "tiles" and "sumdb". Others ("none",
// "serverless", "rekor", "pixel", ...) do not: those logs have to push, or be fed by others.
// Warnings: keys of the mapping that are not known, key types with which no log signs (the log is
// left out), URLs that cannot be fed from. kMalformed with the line for everything else; kTooLarge
// above limits::kYamlBytesMax, kYamlDepthMax, kYamlScalarBytesMax or kWitnessLogsMax.
[[nodiscard]] Result<LogList> parse_omniwitness_logs(std::string_view text);

}  // namespace witan
