// XML as a value in which documents that mean the same are equal. A small strict reader of our
// own for request bodies; pure and bounded.
//
// What does not matter: the order and quotes of attributes, how characters are spelled, CDATA,
// comments, the XML declaration, how empty elements are closed, which prefix stands for a
// namespace, line ends, and white space between elements where no other text stands.
// What is refused: DTDs and every entity but the five predefined ones, encodings but UTF-8,
// prefixes nobody declared, documents that are not well-formed, and nesting beyond kMaxXmlDepth.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "shim/match/python_json.h"

namespace recshim::match {

constexpr int kMaxXmlDepth = 200;

// ["{namespace}name", {"attribute": "value", …}, child or text, …]: attributes by name, left out
// where there are none. A prefix that texts or values use as in "xs:string" keeps its declaration
// as an attribute "xmlns:xs".
// Returns: nullopt for what is refused.
// Source: Extensible Markup Language 1.0 (Fifth Edition), Namespaces in XML 1.0 (Third Edition).
[[nodiscard]] std::optional<Json> parse_xml(std::string_view text);

}  // namespace recshim::match
