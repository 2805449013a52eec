// Layout of recording files. See file_text.h and recordings/README.md.
#include "shim/store/file_text.h"

#include "shim/match/python_json.h"

namespace recshim::store {
namespace {

constexpr size_t kColumns = 100;

// One line, Python's separators, non-ASCII escaped: as llama-stack's files have scalars.
std::string one_line(const Json& value) {
  return match::dump(value, match::python_style());
}

void indented(const Json& value, size_t indent, std::string& out) {
  if (!value.is_structured() || value.empty()) {
    out += one_line(value);
    return;
  }
  const bool object = value.is_object();
  out += object ? "{\n" : "[\n";
  bool first = true;
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (!first) out += ",\n";
    first = false;
    out.append(indent + 2, ' ');
    if (object) out += one_line(it.key()) + ": ";
    indented(*it, indent + 2, out);
  }
  out += '\n';
  out.append(indent, ' ');
  out += object ? '}' : ']';
}

bool is_row(const Json& value) {
  if (!value.is_array()) return !value.is_structured();
  for (const auto& item : value) {
    if (item.is_structured()) return false;
  }
  return true;
}

bool all_rows(const Json& array) {
  for (const auto& item : array) {
    if (!is_row(item)) return false;
  }
  return true;
}

// Items one after another, wrapped at kColumns: many boundaries take few lines.
void filled(const Json& array, size_t indent, std::string& out) {
  out += "[\n";
  out.append(indent, ' ');
  size_t column = indent;
  for (size_t i = 0; i < array.size(); ++i) {
    std::string item = one_line(array[i]);
    if (i + 1 < array.size()) item += ',';
    if (i > 0) {
      if (column + 1 + item.size() > kColumns) {
        out += '\n';
        out.append(indent, ' ');
        column = indent;
      } else {
        out += ' ';
        ++column;
      }
    }
    out += item;
    column += item.size();
  }
  out += '\n';
  out.append(indent - 2, ' ');
  out += ']';
}

// Whatever fits on a line stands on one, but headers, which are better read and compared
// one a line.
void compact(const Json& value, const std::string& key, size_t indent, size_t column,
             std::string& out) {
  const bool pairs_apart = key == "headers" || key == "trailers";
  if (!value.is_structured() || value.empty()) {
    out += one_line(value);
    return;
  }
  if (!(pairs_apart && value.size() > 1)) {
    std::string line = one_line(value);
    if (indent > 0 && column + line.size() < kColumns) {
      out += line;
      return;
    }
    if (value.is_array() && !pairs_apart && all_rows(value)) {
      filled(value, indent + 2, out);
      return;
    }
  }
  const bool object = value.is_object();
  out += object ? "{\n" : "[\n";
  bool first = true;
  for (auto it = value.begin(); it != value.end(); ++it) {
    if (!first) out += ",\n";
    first = false;
    out.append(indent + 2, ' ');
    std::string name;
    std::string label;
    if (object) {
      name = it.key();
      label = one_line(it.key()) + ": ";
      out += label;
    }
    if (is_row(*it) && !object) {
      out += one_line(*it);
    } else {
      compact(*it, name, indent + 2, indent + 2 + label.size(), out);
    }
  }
  out += '\n';
  out.append(indent, ' ');
  out += object ? '}' : ']';
}

}  // namespace

std::string file_text(const Json& json) {
  if (!json.is_object() || !json.contains("recshim")) {
    std::string out;
    indented(json, 0, out);
    out += '\n';
    return out;
  }
  std::string out = "{\n";
  bool first = true;
  for (auto it = json.begin(); it != json.end(); ++it) {
    if (!first) out += ",\n";
    first = false;
    out += "  " + one_line(it.key()) + ": ";
    if (it.key() == "recshim" && it->is_object() && !it->empty()) {
      out += "{\n";
      bool first_key = true;
      for (auto item = it->begin(); item != it->end(); ++item) {
        if (!first_key) out += ",\n";
        first_key = false;
        const std::string label = "    " + one_line(item.key()) + ": ";
        out += label;
        compact(*item, item.key(), 4, label.size(), out);
      }
      out += "\n  }";
    } else {
      indented(*it, 2, out);
    }
  }
  out += "\n}\n";
  return out;
}

}  // namespace recshim::store
