// Content codings (RFC 9110 §8.4.1): gzip and deflate by zlib, br by brotli, zstd.
// Each decoder is bounded by what the caller will take, so a small body that unpacks
// to a huge one costs no more than that.
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <memory>
#include <vector>

#include "shim/http/codec.h"
#include "shim/http/grammar.h"

namespace recshim::http {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;
// Largest window a zstd coding may use over HTTP: 8 MiB (RFC 9659 §3).
constexpr int kZstdWindowLog = 23;

Error broken(std::string_view coding) {
  return Error{ErrorCode::kInvalid, "broken or cut off " + std::string(coding) + " content"};
}
Error too_large(size_t max_bytes) {
  return Error{ErrorCode::kTooLarge,
               "content decodes to more than " + std::to_string(max_bytes) + " bytes"};
}

struct Inflater {
  z_stream stream{};
  bool ready = false;
  explicit Inflater(int window_bits) { ready = inflateInit2(&stream, window_bits) == Z_OK; }
  Inflater(const Inflater&) = delete;
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
};

// Decodes one zlib, raw deflate or gzip stream from the front of *encoded.
// window_bits: zlib's, which also chooses the wrapper.
Status inflate_one(std::string_view* encoded, int window_bits, size_t max_bytes, std::string* out) {
  Inflater inflater(window_bits);
  if (!inflater.ready) return Error{ErrorCode::kTooLarge, "no memory to decode content"};
  z_stream& stream = inflater.stream;
  std::vector<char> block(kBlockBytes);
  while (true) {
    const size_t piece = std::min<size_t>(encoded->size(), std::numeric_limits<uInt>::max());
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(encoded->data()));
    stream.avail_in = static_cast<uInt>(piece);
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    const size_t produced = block.size() - stream.avail_out;
    encoded->remove_prefix(piece - stream.avail_in);
    if (produced > max_bytes - out->size()) return too_large(max_bytes);
    out->append(block.data(), produced);
    if (status == Z_STREAM_END) return {};
    // Z_BUF_ERROR: it wants input and there is none left.
    if (status != Z_OK) return broken("gzip or deflate");
  }
}

Result<std::string> decode_gzip(std::string_view encoded, size_t max_bytes) {
  constexpr int kGzipWrapper = 16;
  std::string out;
  do {
    Status status = inflate_one(&encoded, MAX_WBITS + kGzipWrapper, max_bytes, &out);
    if (!status.ok()) return status.error();
    // Members may follow one another (RFC 1952 §2.2); anything else there is padding.
  } while (encoded.substr(0, 2) == "\x1f\x8b");
  return out;
}

// "deflate" means the zlib format (RFC 9110 §8.4.1.2), but some senders leave the
// wrapper out.
Result<std::string> decode_deflate(std::string_view encoded, size_t max_bytes) {
  Status status;
  for (const int window_bits : {MAX_WBITS, -MAX_WBITS}) {
    std::string out;
    std::string_view rest = encoded;
    status = inflate_one(&rest, window_bits, max_bytes, &out);
    if (status.ok()) return out;
    if (status.error().code != ErrorCode::kInvalid) break;
  }
  return status.error();
}

Result<std::string> decode_brotli(std::string_view encoded, size_t max_bytes) {
  const std::unique_ptr<BrotliDecoderState, decltype(&BrotliDecoderDestroyInstance)> decoder(
      BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance);
  if (decoder == nullptr) return Error{ErrorCode::kTooLarge, "no memory to decode content"};
  std::string out;
  std::vector<uint8_t> block(kBlockBytes);
  auto next_in = reinterpret_cast<const uint8_t*>(encoded.data());
  size_t avail_in = encoded.size();
  while (true) {
    uint8_t* next_out = block.data();
    size_t avail_out = block.size();
    const BrotliDecoderResult result = BrotliDecoderDecompressStream(
        decoder.get(), &avail_in, &next_in, &avail_out, &next_out, nullptr);
    const size_t produced = block.size() - avail_out;
    if (produced > max_bytes - out.size()) return too_large(max_bytes);
    out.append(reinterpret_cast<const char*>(block.data()), produced);
    if (result == BROTLI_DECODER_RESULT_SUCCESS) return out;
    if (result != BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT) return broken("br");
  }
}

Result<std::string> decode_zstd(std::string_view encoded, size_t max_bytes) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> decoder(ZSTD_createDCtx(),
                                                                     ZSTD_freeDCtx);
  if (decoder == nullptr) return Error{ErrorCode::kTooLarge, "no memory to decode content"};
  ZSTD_DCtx_setParameter(decoder.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  std::string out;
  std::vector<char> block(kBlockBytes);
  ZSTD_inBuffer in{encoded.data(), encoded.size(), 0};
  while (true) {
    ZSTD_outBuffer produced{block.data(), block.size(), 0};
    const size_t hint = ZSTD_decompressStream(decoder.get(), &produced, &in);
    if (ZSTD_isError(hint) != 0) return broken("zstd");
    if (produced.pos > max_bytes - out.size()) return too_large(max_bytes);
    out.append(block.data(), produced.pos);
    if (in.pos < in.size || produced.pos == produced.size) continue;
    // hint 0: a frame has ended (RFC 8878 §3.1), and there is no other.
    if (hint == 0) return out;
    return broken("zstd");
  }
}

Result<std::string> decode_one(std::string_view encoded, std::string_view coding,
                               size_t max_bytes) {
  const std::string name = to_lower(coding);
  const bool is_gzip = name == "gzip" || name == "x-gzip";
  const bool is_known = is_gzip || name == "deflate" || name == "br" || name == "zstd";
  if (!is_known && name != "identity") {
    return Error{ErrorCode::kUnsupported, "content coding \"" + name + "\" is not known"};
  }
  if (name == "identity" || encoded.empty()) {
    // Servers name a coding on empty bodies too; there is nothing to undo.
    if (encoded.size() > max_bytes) return too_large(max_bytes);
    return std::string(encoded);
  }
  if (is_gzip) return decode_gzip(encoded, max_bytes);
  if (name == "deflate") return decode_deflate(encoded, max_bytes);
  if (name == "br") return decode_brotli(encoded, max_bytes);
  return decode_zstd(encoded, max_bytes);
}

}  // namespace

Result<std::string> decode_content(std::string_view encoded, std::string_view content_encoding,
                                   size_t max_bytes) {
  try {
    std::vector<std::string_view> codings;
    for_each_element(content_encoding, [&](std::string_view e) { codings.push_back(e); });
    if (codings.empty()) codings.push_back("identity");
    Result<std::string> decoded = std::string();
    // Listed in the order they were applied (RFC 9110 §8.4).
    for (auto coding = codings.rbegin(); coding != codings.rend(); ++coding) {
      const std::string input = coding == codings.rbegin() ? std::string() : *std::move(decoded);
      decoded = decode_one(coding == codings.rbegin() ? encoded : input, *coding, max_bytes);
      if (!decoded.ok()) return decoded;
    }
    return decoded;
  } catch (const std::exception&) {
    return Error{ErrorCode::kTooLarge, "no memory to decode content"};
  }
}

}  // namespace recshim::http
