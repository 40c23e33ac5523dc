-- Dissects the messages of $name for Wireshark and tshark. espcap --protocol-dir loads it.

local NAME = "$name"
local TABLE, PORTS = "$transport.port", {$ports}

-- The fields of a message, in their order. Add a row, or change one, for your own protocol.
$fields_comment
local FIELDS = {
$fields
}

-- A message has the first role whose condition holds. Without a condition, a role holds for each message.
local ROLES = {
$roles
}

local protocol = Proto(NAME, "$title")
local role_field = ProtoField.string(NAME .. ".role", "Role")
local rest_field = ProtoField.bytes(NAME .. ".rest", "Rest")
local malformed = ProtoExpert.new(
    NAME .. ".malformed", "Malformed message", expert.group.MALFORMED, expert.severity.ERROR)
local all_fields = {role_field, rest_field}
for _, each in ipairs(FIELDS) do
    each.field = ProtoField[each.type](NAME .. "." .. each.name, each.title)
    table.insert(all_fields, each.field)
end
protocol.fields = all_fields
protocol.experts = {malformed}

-- Adds a text, and returns it. If bytes are not UTF-8, Wireshark 4.0 returns a text that ends within a character.
local function add_string(tree, each, range)
    tree:add_packet_field(each.field, range, ENC_UTF_8)
    local text = range:string(ENC_UTF_8):match("^[^%z]*")
    text = text:gsub("[\194-\223]$$", ""):gsub("[\224-\239][\128-\191]?$$", "")
    return (text:gsub("[\240-\244][\128-\191]?[\128-\191]?$$", ""))
end

$framing
local is_server = {}
for _, port in ipairs(PORTS) do
    is_server[port] = true
end

-- Returns the role of a message with these values; nil if no condition holds.
local function role_of(values, packet)
    for _, each in ipairs(ROLES) do
        local holds = true
        if each.from_client then
            holds = is_server[packet.dst_port]
        elseif each.field then
            holds = values[each.field] ~= nil and (values[each.field] == each.value) == each.equal
        end
        if holds then
            return each.role
        end
    end
end

-- Adds the tree of one message, and returns its part of the column Info.
local function add_message(range, packet, tree, problem)
    local own = tree:add(protocol, range)
    local values, texts, problem_of_fields = add_fields(own, range)
    local role = role_of(values, packet)
    if role then
        own:add(role_field, role):set_generated()
    end
    problem = problem or problem_of_fields or (not role and "it is neither a request nor an answer")
    if problem then
        own:add_proto_expert_info(malformed, "Malformed message: " .. problem)
    end
    local text = (role or "malformed") .. " " .. table.concat(texts, " ")
    own:append_text(": " .. text)
    return text
end

-- Finds the messages. If the last one is not complete, Wireshark calls again with more bytes.
function protocol.dissector(buffer, packet, tree)
    local offset, shown = 0, {}
    while offset < buffer:len() do
        local length, problem = message_length(buffer, offset)
        local available = buffer:len() - offset
        if not length or length > available then
            if packet.can_desegment > 0 then
                packet.desegment_offset = offset
                packet.desegment_len = length and length - available or DESEGMENT_ONE_MORE_SEGMENT
                break
            end
            length, problem = available, "it is cut short"
        end
        table.insert(shown, add_message(buffer(offset, length), packet, tree, problem))
        offset = offset + length
    end
    if #shown > 0 then
        packet.cols.protocol = NAME:upper()
        packet.cols.info = table.concat(shown, "; ")
    end
    return buffer:len()
end

for _, port in ipairs(PORTS) do
    DissectorTable.get(TABLE):add(port, protocol)
end
