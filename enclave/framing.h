#pragma once
// Messages on a stream socket: a big-endian uint32 length, then as many bytes, at most
// kEnclaveMessageBytesMax.

#include <chrono>
#include <optional>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

using FrameDeadline = std::optional<std::chrono::steady_clock::time_point>;

// The next message; nullopt when the other side has closed, before a message or inside one.
// kTooLarge when its length is above the limit: it was read and thrown away, the next one follows.
// kTimeout (with a deadline only), kIo.
[[nodiscard]] Result<std::optional<Bytes>> read_frame(int socket, FrameDeadline deadline = {});

// kUnavailable when the other side has closed, kTooLarge, kTimeout, kIo. Raises no SIGPIPE.
[[nodiscard]] Result<void> write_frame(int socket, BytesView message, FrameDeadline deadline = {});

}  // namespace witan
