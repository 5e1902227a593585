#pragma once
// Every bound on what comes from outside, in one place. Sizes are bytes unless the name says
// otherwise.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace witan::limits {

using namespace std::chrono_literals;

// --- Statements and their formats ---
// RFC 9943 sets none; peers default to 1 MiB. The registration policy may lower or raise it up to
// the hard maximum.
inline constexpr std::size_t kStatementBytesDefault = 1u << 20;
inline constexpr std::size_t kStatementBytesMax = 16u << 20;
inline constexpr std::size_t kCborDepthMax = 16;
inline constexpr std::size_t kCborItemsMax = 65'536;
inline constexpr std::size_t kCborMapEntriesMax = 1'024;
inline constexpr std::size_t kIssuerCharsMax = 8'192;
inline constexpr std::size_t kSubjectCharsMax = 8'192;
inline constexpr std::size_t kCertificatesMax = 10;
inline constexpr std::size_t kCertificateBytesMax = 16'384;
inline constexpr std::size_t kReceiptsPerStatementMax = 64;
inline constexpr std::size_t kReceiptBytesMax = 256u << 10;
inline constexpr std::size_t kCcfPathMax = 64;
inline constexpr std::size_t kRsaBitsMin = 2'048;
inline constexpr std::size_t kRsaBitsMax = 8'192;

// --- Notes, checkpoints, proofs ---
// A real cosigned checkpoint with ML-DSA lines is 11,034 bytes; peers cap between 10 KiB and 128
// KiB.
inline constexpr std::size_t kNoteBytesMax = 128u << 10;
inline constexpr std::size_t kNoteSignaturesMax = 128;
inline constexpr std::size_t kKeyNameCharsMax = 255;
inline constexpr std::size_t kProofHashesMax = 63;
inline constexpr std::uint64_t kTreeSizeMax = std::uint64_t{1} << 62;
inline constexpr std::size_t kTlogProofBytesMax = 192u << 10;
// An ML-DSA-44 vkey is 1.8 KiB; the specification asks for at least 32 of each kind.
inline constexpr std::size_t kTlogPolicyBytesMax = 1u << 20;
inline constexpr std::size_t kTlogPolicyLogsMax = 256;
inline constexpr std::size_t kTlogPolicyWitnessesMax = 256;
inline constexpr std::size_t kTlogPolicyGroupsMax = 256;

// --- Files read at start or by the command line ---
inline constexpr std::size_t kConfigFileBytesMax = 1u << 20;
inline constexpr std::size_t kPemFileBytesMax = 1u << 20;
inline constexpr std::size_t kTrustIssuersMax = 4'096;
inline constexpr std::size_t kTrustKeysMax = 256;  // in any one list of a trust file

// --- Sequencer ---
inline constexpr std::size_t kBatchEntriesMax = 1'024;
inline constexpr std::size_t kBatchBytesMax = 32u << 20;
inline constexpr std::chrono::milliseconds kBatchAge = 5ms;
// Statements accepted but not decided yet; past it, 503.
inline constexpr std::size_t kPoolEntriesMax = 8'192;
inline constexpr std::size_t kPoolBytesMax = 256u << 20;
// Statements decided but not published yet; past it, 503.
inline constexpr std::size_t kUnpublishedEntriesMax = 262'144;
// How far a head's time may run ahead of the machine's clock.
inline constexpr std::chrono::seconds kClockAheadMax = 60s;

// --- Witness ---
// Logs that one witness knows; the public lists promise 40,000.
inline constexpr std::size_t kWitnessLogsMax = 262'144;
inline constexpr std::size_t kWitnessKeysPerLogMax = 8;
// Old size line, 63 proof lines and a note.
inline constexpr std::size_t kAddCheckpointBytesMax = kNoteBytesMax + (8u << 10);
inline constexpr std::size_t kLogListBytesMax = 64u << 20;
inline constexpr std::size_t kLogContactCharsMax = 1'024;
inline constexpr std::size_t kLogListWarningsMax = 1'024;
// Requests that one commit of the signer may take together, and their bytes.
inline constexpr std::size_t kCosignBatchMax = 256;
inline constexpr std::size_t kCosignBatchBytesMax = 512u << 10;
// Subtrees that wait for the signer, which signs about a thousand a second.
inline constexpr std::size_t kSubtreeQueueMax = 256;
// Batches that may be signed and not yet stored: the signer remembers as many.
inline constexpr std::size_t kCosignBatchesKept = 2;
// Threads of the signer that verify and sign one batch, its own one included.
inline constexpr unsigned kCosignThreadsMax = 4;
// Distinct lines of one trusted key in one note. A log signs a checkpoint once.
inline constexpr std::size_t kLogLinesPerKeyMax = 4;
// Marks that the signer gives in one message.
inline constexpr std::size_t kMarksPageMax = 8'192;
// Requests waiting for the signer; past it, 503.
inline constexpr std::size_t kCosignQueueMax = 4'096;
// The signer's journal is folded into a snapshot when it has grown past this.
inline constexpr std::size_t kCosignJournalBytesMax = 64u << 20;
// Address space of the witness's store.
inline constexpr std::size_t kWitnessMapBytes = std::size_t{1} << 36;
// Logs with metrics of their own, and logs that the witness's page shows.
inline constexpr std::size_t kWitnessLogMetricsMax = 256;
inline constexpr std::size_t kWitnessPageLogsMax = 1'000;
// How long others may keep a witness's copy of a checkpoint; the specification allows an hour.
inline constexpr std::chrono::seconds kWitnessCheckpointMaxAge = 10s;

// Witnesses that a log asks for cosignatures, each in a thread of its own; one note holds them all.
inline constexpr std::size_t kWitnessesAskedMax = 64;

// --- Enclave ---
// What two batches cosigned, the largest that there are, in one message.
inline constexpr std::size_t kEnclaveMessageBytesMax = 4u << 20;
// Entries in one append message (32 bytes each).
inline constexpr std::size_t kAppendEntriesMax = 16'384;
inline constexpr std::chrono::seconds kEnclaveDeadline = 30s;

// --- Attestation by hardware ---
// A quote of all PCRs is below 200 bytes, a certified NV index as long as its contents.
inline constexpr std::size_t kTpmAttestBytesMax = 4'096;
inline constexpr std::size_t kTpmSignatureBytesMax = 2'048;
inline constexpr std::size_t kTpmPcrBanksMax = 16;
inline constexpr std::size_t kTpmPcrSelectBytesMax = 4;
inline constexpr std::size_t kTpmNvBytesMax = 2'048;
inline constexpr std::size_t kTpmNvPublicBytesMax = 255;
// A real document is below 5 KiB, with a chain of five certificates.
inline constexpr std::size_t kNitroDocumentBytesMax = 32u << 10;
// A real quote is 5 KiB, with a chain of three certificates.
inline constexpr std::size_t kTdxQuoteBytesMax = 64u << 10;
inline constexpr std::size_t kTdxAuthDataBytesMax = 1'024;
// Real ones are below 16 KiB.
inline constexpr std::size_t kTdxCollateralBytesMax = 256u << 10;
inline constexpr std::size_t kRevocationListBytesMax = 1u << 20;

// --- HTTP ---
inline constexpr std::size_t kHttpHeaderBytesMax = 16u << 10;
inline constexpr std::size_t kHttpTargetBytesMax = 4'096;
inline constexpr std::size_t kHttpConnectionsMax = 16'384;
inline constexpr std::chrono::seconds kHttpHeaderDeadline = 10s;
inline constexpr std::chrono::seconds kHttpBodyDeadline = 30s;
inline constexpr std::chrono::seconds kHttpWriteDeadline = 30s;
inline constexpr std::chrono::seconds kHttpIdleDeadline = 60s;
inline constexpr std::chrono::seconds kShutdownDeadline = 10s;
// Bodies being read or statements being verified, all connections together.
inline constexpr std::size_t kHttpBodyBytesInFlightMax = 256u << 20;

// --- HTTP/2, of one connection that this side dialled (a bastion's) ---
// Requests at a time; the peer is told so.
inline constexpr std::size_t kH2StreamsMax = 128;
// Requests handled at a time, those whose stream was reset meanwhile too; past it, 503.
inline constexpr std::size_t kH2RequestsMax = 256;
// Bodies read or handled, and answers not sent yet; past them, 503.
inline constexpr std::size_t kH2BodyBytesMax = 8u << 20;
inline constexpr std::size_t kH2AnswerBytesMax = 16u << 20;
inline constexpr std::size_t kH2HeadersMax = 128;
// Frames that continue one header, and acknowledgements waiting to be sent.
inline constexpr std::size_t kH2ContinuationsMax = 8;
inline constexpr std::size_t kH2AcksMax = 100;
// Bodies that are waited for at a time, below kH2StreamsMax; past it those that have taken longer
// than that are given up, so that clients who send theirs slowly, or never, keep nobody out.
inline constexpr std::size_t kH2BodiesAwaitedMax = 96;
inline constexpr std::chrono::seconds kH2BodySlow = 2s;
// Frames made and not sent yet: of a peer that asks and does not read.
inline constexpr std::size_t kH2FramesWaitingMax = 4'096;
// What a peer may send besides requests (settings, pings, windows, empty frames): so many at once
// and a second. A request that was answered, or is taken back, earns some, and so do the bytes of
// answers, for which windows are opened again; a stream that breaks costs some. Past it, the end.
inline constexpr std::uint64_t kH2ControlBurst = 2'000;
inline constexpr std::uint64_t kH2ControlPerSecond = 500;
inline constexpr std::uint64_t kH2ControlPerRequest = 4;
inline constexpr std::size_t kH2BytesPerControl = 1'024;
inline constexpr std::uint64_t kH2ControlPerReset = 4;
// Bytes written to the socket at a time.
inline constexpr std::size_t kH2WriteBytes = 64u << 10;
inline constexpr std::chrono::seconds kH2PingInterval = 20s;
inline constexpr std::chrono::seconds kH2PingDeadline = 15s;

// --- Bastions ---
inline constexpr std::size_t kBastionsMax = 16;
// From the look-up of its name to the first HTTP/2 frame.
inline constexpr std::chrono::seconds kBastionConnectDeadline = 15s;
// Waits between attempts: doubled from the first to the last; a connection that lasted begins anew.
inline constexpr std::chrono::seconds kBastionRetryFirst = 1s;
inline constexpr std::chrono::seconds kBastionRetryLast = 120s;
inline constexpr std::chrono::seconds kBastionLasted = 60s;
// How long the certificate that is made for a connection is good.
inline constexpr std::chrono::hours kBastionCertificateLife = 7 * 24h;
// How long a synchronous POST waits for its receipt before it becomes a 202.
inline constexpr std::chrono::seconds kRegistrationWait = 20s;
// A statement bundle above this is not served whole; 256 statements of the default largest size
// fit.
inline constexpr std::size_t kBundleBytesServedMax = std::size_t{258} << 20;
inline constexpr std::size_t kVerifyQueueMax = 4'096;
// Tiles kept with their inner nodes, 16 KiB each, for making proofs.
inline constexpr std::size_t kExpandedTilesMax = 1'024;
inline constexpr std::size_t kRateLimitedClientsMax = 65'536;
// GET /attestation: of one client, and of all that wait for the enclave.
inline constexpr double kAttestationsPerSecond = 2;
inline constexpr double kAttestationsBurst = 20;
inline constexpr std::size_t kAttestationQueueMax = 64;

// --- Store ---
inline constexpr std::size_t kStoreMapBytes = std::size_t{1} << 40;
inline constexpr std::size_t kStoreReadersMax = 512;
// A full statement bundle above this is left as single statements instead of one packed value.
inline constexpr std::size_t kPackedBundleBytesMax = 8u << 20;

}  // namespace witan::limits
