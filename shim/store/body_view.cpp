// From a body's text to response.body and back. See body_view.h and recordings/README.md.
#include "shim/store/body_view.h"

#include <charconv>
#include <map>
#include <vector>

#include "shim/http/message.h"
#include "shim/match/python_json.h"
#include "shim/match/sdk_types.h"
#include "shim/store/framing.h"
#include "shim/store/originals.h"

namespace recshim::store {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";
constexpr size_t kMaxTemplates = 8;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool starts_like_sse(std::string_view text) {
  return text.starts_with("data:") || text.starts_with("event:");
}

std::string_view media_type(const std::string& lower_content_type) {
  std::string_view type = lower_content_type;
  type = type.substr(0, type.find(';'));
  while (!type.empty() && contains(kWhiteSpace, type.substr(type.size() - 1))) {
    type.remove_suffix(1);
  }
  return type;
}

bool is_sse_type(std::string_view type) {
  return type == "text/event-stream";
}

bool is_lines_type(std::string_view type) {
  return contains(type, "ndjson") || contains(type, "jsonl") || contains(type, "json-lines") ||
         contains(type, "json-seq") || contains(type, "stream+json");
}

std::optional<match::JsonStyle> named_style(std::string_view text, const Json& value) {
  auto style = match::style_of(text, value);
  if (style && match::style_name(*style).empty()) style.reset();
  return style;
}

match::JsonStyle style_in(const Json& note) {
  const auto it = note.find("style");
  if (it == note.end() || !it->is_string()) {
    throw ShapeError{"/recshim/body/style", "must name a style"};
  }
  auto style = match::style_from_name(it->get_ref<const std::string&>());
  if (!style) throw ShapeError{"/recshim/body/style", "names no known style"};
  return *style;
}

std::optional<std::string> type_name(const ViewContext& context, const Json& data, bool chunk) {
  if (context.dialect == match::Dialect::kGeneric || context.status >= 400) return std::nullopt;
  std::string type = match::sdk_type(context.dialect, context.endpoint, chunk, data);
  if (type.empty()) return std::nullopt;
  return type;
}

// --- One JSON value -------------------------------------------------------------------

std::optional<BodyView> json_view(std::string_view text, const ViewContext& context) {
  const size_t from = text.find_first_not_of(kWhiteSpace);
  if (from == std::string_view::npos) return std::nullopt;
  const size_t to = text.find_last_not_of(kWhiteSpace) + 1;
  const std::string_view core = text.substr(from, to - from);
  auto value = parse_json(core);
  if (!value) return std::nullopt;

  BodyView view;
  view.note = Json::object();
  view.note["form"] = "json";
  const auto style = named_style(core, *value);
  if (style) {
    view.note["style"] = match::style_name(*style);
    if (from > 0) view.note["before"] = std::string(text.substr(0, from));
    if (to < text.size()) view.note["after"] = std::string(text.substr(to));
  } else {
    view.note["text"] = std::string(text);
  }
  Normaliser normaliser(context.dialect, context.hash);
  if (context.model_list && context.status < 400 && value->is_object() && value->contains("data") &&
      (*value)["data"].is_array() && style) {
    view.note["form"] = "models";
    view.body = Json::array();
    for (auto& model : (*value)["data"]) {
      const auto type = type_name(context, model, false);
      view.body.push_back(wrap(type, normaliser.take(std::move(model))));
    }
    (*value)["data"] = nullptr;
    view.note["envelope"] = std::move(*value);
  } else {
    const auto type = type_name(context, *value, false);
    if (context.status < 400) {
      view.body = wrap(type, normaliser.take(std::move(*value)));
    } else {
      view.body = std::move(*value);
    }
  }
  normaliser.store_into(view.originals, view.originals_by_chunk);
  return view;
}

// --- Streams of JSON ------------------------------------------------------------------

struct Way {
  Template shape;
  match::JsonStyle style;
};

bool writes(const Way& way, const Piece& piece) {
  return render(way.shape, *piece.json, match::dump(*piece.json, way.style)) == piece.raw;
}

// The template and style that most chunks were written with.
std::optional<Way> common_way(const std::vector<Piece>& pieces, StreamKind kind) {
  std::optional<Way> best;
  size_t best_count = 0;
  size_t tries = 0;
  std::vector<bool> explained(pieces.size(), false);
  for (size_t i = 0; i < pieces.size() && tries < kMaxTemplates; ++i) {
    if (explained[i] || !pieces[i].json || pieces[i].json_text.empty()) continue;
    const auto style = named_style(pieces[i].json_text, *pieces[i].json);
    if (!style) continue;
    const Way way{template_of(pieces[i], kind), *style};
    ++tries;
    size_t count = 0;
    bool all = true;
    for (size_t k = 0; k < pieces.size(); ++k) {
      if (!pieces[k].json) continue;
      if (writes(way, pieces[k])) {
        explained[k] = true;
        ++count;
      } else {
        all = false;
      }
    }
    if (count > best_count) {
      best = way;
      best_count = count;
    }
    if (all) break;
  }
  return best;
}

BodyView stream_view(std::string_view text, StreamKind kind, const ViewContext& context) {
  auto pieces = cut(text, kind);
  const auto way = common_way(pieces, kind);
  BodyView view;
  view.is_streaming = true;
  view.body = Json::array();
  view.note = Json::object();
  view.note["form"] = kind == StreamKind::kSse ? "sse" : "lines";
  if (way) {
    view.note["style"] = match::style_name(way->style);
    if (way->shape.newline != "\n") view.note["newline"] = way->shape.newline;
    if (!way->shape.space && kind == StreamKind::kSse) view.note["space"] = false;
    if (way->shape.event_line) view.note["event_line"] = true;
  }
  Json exact = Json::object();
  Json between = Json::object();
  std::string loose;
  Normaliser normaliser(context.dialect, context.hash);
  const auto flush = [&] {
    if (!loose.empty()) between[std::to_string(view.body.size())] = bytes_to_json(loose);
    loose.clear();
  };
  for (auto& piece : pieces) {
    if (!piece.json) {
      loose += piece.raw;
      continue;
    }
    flush();
    if (!way || !writes(*way, piece)) {
      exact[std::to_string(view.body.size())] = bytes_to_json(piece.raw);
    }
    const auto type = type_name(context, *piece.json, true);
    view.body.push_back(wrap(type, normaliser.take(std::move(*piece.json))));
  }
  flush();
  if (!exact.empty()) view.note["exact"] = std::move(exact);
  if (!between.empty()) view.note["between"] = std::move(between);
  normaliser.store_into(view.originals, view.originals_by_chunk);
  return view;
}

// piece with another value, what stands around its JSON left alone.
std::string rewritten(const Piece& piece, StreamKind kind, const Json& data) {
  const auto style = match::style_of(piece.json_text, *piece.json);
  const std::string text = match::dump(data, style.value_or(match::compact_style()));
  const size_t at =
      piece.json_text.empty() ? std::string_view::npos : piece.raw.find(piece.json_text);
  if (at == std::string_view::npos) return render(template_of(piece, kind), data, text);
  std::string out(piece.raw);
  return out.replace(at, piece.json_text.size(), text);
}

// What stands between the entries, by the number of the one it comes before. Of entries that were
// removed by hand it comes last; and so does the end mark of a stream, whatever was added.
std::map<size_t, std::string> gaps_of(const Json& note, size_t entries) {
  std::map<size_t, std::string> gaps;
  const auto between = note.find("between");
  if (between == note.end() || !between->is_object()) return gaps;
  for (auto it = between->begin(); it != between->end(); ++it) {
    const std::string path = "/recshim/body/between/" + it.key();
    size_t index = 0;
    const char* const end = it.key().data() + it.key().size();
    const auto [after, problem] = std::from_chars(it.key().data(), end, index);
    if (problem != std::errc() || after != end) throw ShapeError{path, "is no number"};
    gaps[index] = bytes_from_json(*it, path);
  }
  if (gaps.empty()) return gaps;
  const bool is_end_mark = contains(gaps.rbegin()->second, "[DONE]");
  std::string last;
  while (!gaps.empty() && (gaps.rbegin()->first >= entries || (is_end_mark && last.empty()))) {
    auto node = gaps.extract(std::prev(gaps.end()));
    last.insert(0, node.mapped());
  }
  if (!last.empty()) gaps[entries] = std::move(last);
  return gaps;
}

std::string text_of_stream(const Json& body, const Json& note, Restorer restorer) {
  if (!body.is_array()) return plain_text(body);
  Template shape;
  shape.kind = note.at("form") == "sse" ? StreamKind::kSse : StreamKind::kLines;
  shape.newline = note.value("newline", "\n");
  shape.space = note.value("space", true);
  shape.event_line = note.value("event_line", false);
  const Json none = Json::object();
  const auto exact_at = note.find("exact");
  const Json& exact = exact_at == note.end() ? none : *exact_at;
  const auto gaps = gaps_of(note, body.size());
  const match::JsonStyle style = note.contains("style") ? style_in(note) : match::compact_style();
  std::string out;
  for (size_t i = 0; i <= body.size(); ++i) {
    if (const auto it = gaps.find(i); it != gaps.end()) out += it->second;
    if (i == body.size()) break;
    Json data = unwrap(body[i]);
    restorer.apply(data);
    const std::string index = std::to_string(i);
    if (const auto it = exact.find(index); it != exact.end()) {
      const std::string raw = bytes_from_json(*it, "/recshim/body/exact/" + index);
      const auto pieces = cut(raw, shape.kind);
      const bool is_edited =
          pieces.size() == 1 && pieces[0].json && !says_the_same(*pieces[0].json, data);
      out += is_edited ? rewritten(pieces[0], shape.kind, data) : raw;
    } else {
      out += render(shape, data, match::dump(data, style));
    }
  }
  return out;
}

// --- Raw lines (event streams of APIs without a dialect) --------------------------------

BodyView lines_view(std::string_view text) {
  BodyView view;
  view.is_streaming = true;
  view.body = Json::array();
  view.note = Json::object();
  view.note["form"] = "raw_lines";
  size_t feeds = 0;
  size_t pairs = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n') continue;
    ++feeds;
    if (i > 0 && text[i - 1] == '\r') ++pairs;
  }
  const std::string newline = feeds > 0 && feeds == pairs ? "\r\n" : "\n";
  if (newline != "\n") view.note["newline"] = newline;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find(newline, at);
    if (end == std::string_view::npos) {
      view.body.push_back(std::string(text.substr(at)));
      view.note["unterminated"] = true;
      break;
    }
    view.body.push_back(std::string(text.substr(at, end - at)));
    at = end + newline.size();
  }
  return view;
}

std::string text_of_lines(const Json& body, const Json& note) {
  if (!body.is_array()) return plain_text(body);
  const std::string newline = note.value("newline", "\n");
  const bool unterminated = note.value("unterminated", false);
  std::string out;
  for (size_t i = 0; i < body.size(); ++i) {
    if (!body[i].is_string()) {
      throw ShapeError{"/response/body/" + std::to_string(i), "must be a string"};
    }
    out += body[i].get_ref<const std::string&>();
    if (i + 1 < body.size() || !unterminated) out += newline;
  }
  return out;
}

BodyView plain_view(std::string_view text) {
  BodyView view;
  view.note = Json::object();
  if (is_text(text)) {
    view.body = std::string(text);
    view.note["form"] = "text";
  } else {
    view.note["form"] = "base64";
    view.note["data"] = base64(text);
  }
  return view;
}

BodyView readable_view(std::string_view text, const ViewContext& context) {
  const std::string lower = http::to_lower(context.content_type);
  const std::string_view type = media_type(lower);
  const bool dialect = context.dialect != match::Dialect::kGeneric;
  if (is_sse_type(type) || (dialect && starts_like_sse(text))) {
    if (dialect) return stream_view(text, StreamKind::kSse, context);
    return is_text(text) ? lines_view(text) : plain_view(text);
  }
  if (is_lines_type(type)) return stream_view(text, StreamKind::kLines, context);
  if (dialect || contains(type, "json")) {
    if (auto view = json_view(text, context)) return std::move(*view);
  }
  return plain_view(text);
}

}  // namespace

bool is_dialect_body(const ViewContext& context) {
  const std::string lower = http::to_lower(context.content_type);
  const std::string_view type = media_type(lower);
  return context.dialect != match::Dialect::kGeneric &&
         (contains(type, "json") || is_sse_type(type));
}

bool says_the_same(const Json& a, const Json& b) {
  return a == b || match::dump(a, match::compact_style()) == match::dump(b, match::compact_style());
}

std::string plain_text(const Json& body) {
  if (body.is_null()) return {};
  if (body.is_string()) return body.get<std::string>();
  return match::dump(unwrap(body), match::compact_style());
}

BodyView make_view(std::string_view text, const ViewContext& context) {
  if (text.empty()) return {};
  // The view is only as good as what it gives back, so that is looked at, not reasoned.
  try {
    BodyView view = readable_view(text, context);
    if (text_of_view(view.body, view.note, view.originals, view.originals_by_chunk) == text) {
      return view;
    }
  } catch (const std::exception&) {  // nlohmann: falls through to the plain view
  } catch (const ShapeError&) {
  }
  return plain_view(text);
}

std::string text_of_view(const Json& body, const Json& note, const Json& originals,
                         const Json& originals_by_chunk) {
  if (note.is_null()) return {};
  const auto form_at = note.find("form");
  if (!note.is_object() || form_at == note.end() || !form_at->is_string()) {
    throw ShapeError{"/recshim/body/form", "must be a string"};
  }
  const auto& form = form_at->get_ref<const std::string&>();
  const auto exact = [&](const char* name) {
    const auto it = note.find(name);
    return it == note.end() ? std::string()
                            : bytes_from_json(*it, std::string("/recshim/body/") + name);
  };
  if (form == "json" || form == "models") {
    Restorer restorer(originals, originals_by_chunk);
    Json value;
    if (form == "models" && !body.is_array()) return plain_text(body);
    if (form == "json") {
      value = unwrap(body);
      restorer.apply(value);
    } else {
      const auto envelope = note.find("envelope");
      if (envelope == note.end() || !envelope->is_object()) {
        throw ShapeError{"/recshim/body/envelope", "must be an object"};
      }
      value = *envelope;
      value["data"] = Json::array();
      for (const auto& entry : body) {
        Json data = unwrap(entry);
        restorer.apply(data);
        value["data"].push_back(std::move(data));
      }
    }
    if (note.contains("text")) {
      std::string text = exact("text");
      const auto said = parse_json(text);
      return said && !says_the_same(*said, value) ? match::dump(value, match::compact_style())
                                                  : text;
    }
    return exact("before") + match::dump(value, style_in(note)) + exact("after");
  }
  if (form == "sse" || form == "lines") {
    return text_of_stream(body, note, Restorer(originals, originals_by_chunk));
  }
  if (form == "raw_lines") return text_of_lines(body, note);
  if (form == "text") {
    return plain_text(body);
  }
  if (form == "base64") {
    auto bytes = from_base64(note.value("data", ""));
    if (!bytes) throw ShapeError{"/recshim/body/data", "is not base64"};
    return std::move(*bytes);
  }
  throw ShapeError{"/recshim/body/form", "is no known form: " + form};
}

}  // namespace recshim::store
